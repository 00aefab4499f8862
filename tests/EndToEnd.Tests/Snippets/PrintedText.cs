using System.Text.RegularExpressions;

namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>What a page says that a block prints: <c>...</c> stands for anything.</summary>
internal static class PrintedText
{
    public static void AssertIs(string printed, CodeBlock expected, string path) => Assert.True(
        Pattern(expected.Text).IsMatch(printed), $"{path}, line {expected.Line}: expected\n{expected.Text}\nbut it printed\n{printed}");

    private static Regex Pattern(string text)
    {
        var pieces = text.Split("...").Select(piece => piece.Trim())
            .Select(piece => piece.Length == 0 ? "" : $@"\s*{Regex.Escape(piece)}\s*");
        return new Regex($"^{string.Join(".*", pieces)}$", RegexOptions.Singleline, TimeSpan.FromSeconds(10));
    }
}
