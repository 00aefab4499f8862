using System.Text.Json;
using LLaDA.Diffusion.Text.Templates;

namespace LLaDA.Diffusion.Tests.Text.Templates;

/// <summary>The families' templates, the bundled one and generated ones write what @huggingface/jinja wrote (oracle/render.mjs).</summary>
public sealed class JinjaOracleTests
{
    private static readonly string s_folder = Path.Combine(Repository.Root, "tests", "Diffusion.Tests", "Text", "Templates");

    [Fact]
    public void Templates_write_what_the_oracle_wrote()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_folder, "oracle", "rendered.json")));
        var shared = json.RootElement.GetProperty("variables");
        int count = 0;
        foreach (var entry in json.RootElement.GetProperty("cases").EnumerateArray())
        {
            string source = entry.TryGetProperty("template", out var template)
                ? template.GetString()!
                : Family(entry.GetProperty("family").GetString()!);
            var variables = entry.TryGetProperty("variables", out var own) ? own : shared;
            Assert.True(
                entry.GetProperty("text").GetString() == Rendered(source, variables),
                $"case {count}: {source}\nexpected {entry.GetProperty("text")}\nbut was  {Rendered(source, variables)}");
            count++;
        }
        Assert.True(count >= 350);
    }

    /// <summary>A family's template of the tests, or that of the bundled models.</summary>
    public static string Family(string name)
    {
        if (name != "bundled")
            return File.ReadAllText(Path.Combine(s_folder, "families", name));
        using var config = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(Repository.Root, "gpu-worker", "models", "llada-tiny-instruct", "tokenizer_config.json")));
        return config.RootElement.GetProperty("chat_template").GetString()!;
    }

    private static string? Rendered(string source, JsonElement variables)
    {
        try
        {
            return new JinjaTemplate(source).Render(TemplateValues.Map(variables)).Text;
        }
        catch (DialogueRefusedException)
        {
            return null;
        }
    }
}
