using LLaDA.Diffusion.Text.Templates;

namespace LLaDA.Diffusion.Tests.Text.Templates;

/// <summary>The reference lists what templates may use.</summary>
public sealed class TemplatePageTests
{
    public static TheoryData<string, string[]> Kinds => new()
    {
        { "functions", [.. Functions.Names] },
        { "filters", [.. Filters.ByName.Keys] },
        { "tests", [.. LLaDA.Diffusion.Text.Templates.Tests.ByName.Keys] },
        { "methods of texts", [.. TextMethods.ByName.Keys] },
        { "methods of mappings", [.. MapMethods.ByName.Keys] },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_page_lists_what_is_computed(string kind, string[] names)
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "reference", "tokenizers.md"));
        string row = page.Split('\n').Single(line => line.StartsWith($"| {kind} |", StringComparison.Ordinal));

        var listed = row.Split('`').Where((_, index) => index % 2 == 1);
        Assert.Equal(names.Order(StringComparer.Ordinal), listed);
    }
}
