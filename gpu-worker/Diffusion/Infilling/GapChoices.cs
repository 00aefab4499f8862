using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Infilling;

/// <summary>The texts that may fill a gap.</summary>
/// <param name="Texts">As they stand in the filled text.</param>
/// <param name="Tokens">Of each text, at least one.</param>
internal sealed record GapChoices(IReadOnlyList<string> Texts, IReadOnlyList<int[]> Tokens)
{
    public const int Max = 64;

    /// <summary>Tokens of the longest one.</summary>
    public int Longest => Tokens.Max(tokens => tokens.Length);

    /// <param name="gap">Its number in the text.</param>
    /// <param name="texts">2 to <see cref="Max"/> different ones, none of them empty.</param>
    /// <param name="longest">The most tokens of a text.</param>
    /// <exception cref="InfillException">The texts are others.</exception>
    public static GapChoices Of(int gap, GapText text, IReadOnlyList<string> texts, LLaDATokenizer tokenizer, int longest)
    {
        string name = $"choices.{gap}";
        if (gap < 0 || gap >= text.Gaps.Count)
            throw Invalid(name, $"names a gap that is not there: the text has {text.Gaps.Count} gaps, numbered from 0");
        if (text.Gaps[gap].Length is { } length)
        {
            throw Invalid(
                name, $"belongs to a gap that is written [MASK:{length}]; write [MASK], since each choice has a length of its own");
        }
        if (texts.Count is < 2 or > Max)
            throw Invalid(name, $"has {texts.Count} texts; it must be a list of 2 to {Max}");
        string[] restored = [.. texts.Select(choice => GapText.Restored(text.Gaps[gap], choice))];
        int[][] tokens = [.. restored.Select(choice => tokenizer.Encode(choice).ToArray())];
        for (int index = 0; index < restored.Length; index++)
        {
            if (restored[index].Trim(' ').Length == 0 || tokens[index].Length == 0)
                throw Invalid($"{name}[{index}]", "must not be empty");
            int equal = Array.IndexOf(restored, restored[index]);
            if (equal < index)
                throw Invalid($"{name}[{index}]", $"is the same text as {name}[{equal}]");
            if (tokens[index].Length > longest)
            {
                throw new InfillException(
                    "context_length_exceeded",
                    $"{name}[{index}] has {tokens[index].Length} tokens, and the model's context has room for {longest}",
                    $"{name}[{index}]");
            }
        }
        return new GapChoices(restored, tokens);
    }

    private static InfillException Invalid(string name, string rule) => new("invalid_value", $"{name} {rule}", name);
}
