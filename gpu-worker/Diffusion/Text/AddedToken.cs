using System.Text.Json;

namespace LLaDA.Diffusion.Text;

/// <summary>A token that a tokenizer.json lists beside the vocabulary of its merges.</summary>
/// <param name="IsSpecial">Never comes from text and stands for none; the others are text like any other.</param>
/// <param name="IsSingleWord">Matches between characters that are no letters, digits or underscores only.</param>
/// <param name="StripsLeft">A match takes the white space before it along.</param>
/// <param name="StripsRight">A match takes the white space behind it along.</param>
/// <param name="IsNormalized">Is looked for after the others, in what they leave.</param>
internal sealed record AddedToken(
    string Content, int Id, bool IsSpecial, bool IsSingleWord, bool StripsLeft, bool StripsRight, bool IsNormalized)
{
    /// <summary>An entry of tokenizer.json.</summary>
    public static AddedToken Read(JsonElement json) => ReadAs(json.GetProperty("id").GetInt32(), json);

    /// <remarks>
    /// Tokens that structure dialogues are special whatever the file states: text must not forge them.
    /// </remarks>
    public static AddedToken ReadAs(int id, JsonElement json)
    {
        bool Flag(string name, bool absent) => json.TryGetProperty(name, out var flag) ? flag.GetBoolean() : absent;
        string content = json.GetProperty("content").GetString() is { Length: > 0 } text
            ? text
            : throw new FormatException("an added token has no content");
        bool isSpecial = Flag("special", absent: true) || SpecialTokens.Structure.Contains(content);
        return new AddedToken(
            content, id, isSpecial,
            Flag("single_word", false), Flag("lstrip", false), Flag("rstrip", false), Flag("normalized", !isSpecial));
    }
}
