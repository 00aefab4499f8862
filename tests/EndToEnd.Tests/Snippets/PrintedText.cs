using System.Text.RegularExpressions;

namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>What a page says that a block prints: <c>...</c> stands for anything.</summary>
internal static class PrintedText
{
    public static Regex Of(string text) =>
        new($"^{string.Join(".*", text.Split("...").Select(piece => Regex.Escape(piece.Trim()) is { Length: > 0 } escaped ? $@"\s*{escaped}\s*" : ""))}$", RegexOptions.Singleline, TimeSpan.FromSeconds(10));
}
