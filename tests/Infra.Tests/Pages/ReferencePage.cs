namespace LLaDA.Batch.Infra.Tests.Pages;

/// <summary>A page of docs/reference, and the sources that it describes.</summary>
internal static class ReferencePage
{
    public static string Text(string name) => File.ReadAllText(Repository.PathOf("docs/reference", $"{name}.md"));

    /// <summary>The cells of the page's tables.</summary>
    public static IEnumerable<string[]> Rows(string name) => Text(name).Split('\n')
        .Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| ---", StringComparison.Ordinal))
        .Select(line => line.Trim()[1..^1].Split('|').Select(cell => cell.Trim()).ToArray());

    public static IEnumerable<string> Sources(string folder) =>
        Directory.GetFiles(Repository.PathOf(folder), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText);
}
