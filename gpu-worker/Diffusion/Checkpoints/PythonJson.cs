using System.Text;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>JSON as Python's <c>json.dump</c> writes it, in which a number may be NaN, Infinity or -Infinity.</summary>
internal static class PythonJson
{
    private static readonly string[] s_words = ["-Infinity", "Infinity", "NaN"];

    /// <returns>The same text with these numbers as strings: no field that is computed may have such a value.</returns>
    public static string ToStrict(string text)
    {
        var strict = new StringBuilder(text.Length);
        bool isInString = false;
        for (int index = 0; index < text.Length; index++)
        {
            char sign = text[index];
            if (isInString && sign == '\\' && index + 1 < text.Length)
            {
                strict.Append(sign).Append(text[++index]);
                continue;
            }
            if (sign == '"')
                isInString = !isInString;
            if (!isInString && Array.Find(s_words, word => string.CompareOrdinal(text, index, word, 0, word.Length) == 0) is { } number)
            {
                strict.Append('"').Append(number).Append('"');
                index += number.Length - 1;
                continue;
            }
            strict.Append(sign);
        }
        return strict.ToString();
    }
}
