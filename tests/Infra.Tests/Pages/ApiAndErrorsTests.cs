using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LLaDA.Batch.Infra.Tests.Pages;

/// <summary>The pages of the API and its errors list what the sources have.</summary>
public sealed partial class ApiAndErrorsTests
{
    private const string Snake = "[a-z]+(_[a-z0-9]+)+";

    /// <summary>What else stands where codes do: types of errors, and parameters before their rule.</summary>
    private static readonly string[] s_noCodes = 
    [
        "invalid_request_error", "rate_limit_error", "max_gap_length", "max_tokens", "time_zone", "long_examples", "training_file",
        "completion_window", "output_blobs", "mime_type", "normalize_length", "top_logprobs", "num_samples",
    ];

    /// <summary>Codes that are made of a parameter's name.</summary>
    private static readonly string[] s_composed = ["invalid_training_file", "invalid_validation_file"];

    [Fact]
    public void Every_path_of_the_API_is_listed_with_its_methods()
    {
        string functions = Repository.PathOf("functions");
        string description = Directory.GetFiles(functions, "openapi.json", SearchOption.AllDirectories).Single();
        var paths = JsonNode.Parse(File.ReadAllText(description))!["paths"]!.AsObject()
            .Select(path => (path.Key, Joined(path.Value!.AsObject().Select(method => method.Key.ToUpperInvariant()))));
        var listed = ReferencePage.Rows("api").Where(row => row.Length == 3 && row[0].StartsWith("`/", StringComparison.Ordinal))
            .Select(row => (row[0].Trim('`'), Joined(row[1].Split(", "))));

        Assert.Equal(paths.Order(), listed.Order());
    }

    [Fact]
    public void Every_parameter_of_a_line_is_listed()
    {
        string page = ReferencePage.Text("api");
        string[] sources = [.. ReferencePage.Sources("gpu-worker/Worker/Requests")];
        string[] read = [.. sources.SelectMany(source => ReadParameter().Matches(source).Select(match => match.Groups["name"].Value))];
        string[] known = [.. sources.SelectMany(source => KnownParameter().Matches(source).Select(match => match.Groups["name"].Value))];

        Assert.Contains("max_gap_length", read);
        Assert.Contains("remasking", read);
        Assert.Contains("logit_bias", known);
        Assert.Contains("verbosity", known);
        Assert.All(read.Concat(known).Distinct(), name => Assert.Contains($"`{name}`", page, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_code_of_an_error_is_listed()
    {
        string page = ReferencePage.Text("errors") + ReferencePage.Text("../guide/schedules");
        string[] codes = [.. Sources("functions", "shared", "gpu-worker/Worker", "gpu-worker/Diffusion/Infilling")
            .SelectMany(source => ErrorCode().Matches(source).Select(match => match.Groups["code"].Value)).Distinct().Except(s_noCodes)];

        Assert.True(codes.Length > 50, $"only {codes.Length} codes were found");
        Assert.All(codes, code => Assert.Contains($"`{code}`", page, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_listed_code_is_one_of_the_sources()
    {
        string sources = string.Concat(Sources("functions", "shared", "gpu-worker"));
        var listed = ReferencePage.Rows("errors").SelectMany(row => Listed().Matches(row.Length > 2 ? row[1] : row[0]))
            .Select(match => match.Groups["code"].Value).Except(s_composed).ToList();

        Assert.NotEmpty(listed);
        Assert.All(listed, code => Assert.Contains($"\"{code}\"", sources, StringComparison.Ordinal));
    }

    private static string Joined(IEnumerable<string> methods) => string.Join(' ', methods.Order(StringComparer.Ordinal));

    private static IEnumerable<string> Sources(params string[] folders) => folders.SelectMany(ReferencePage.Sources);

    [GeneratedRegex(
        @"body\.\w+(<\w+>)?\(""(?<name>\w+)""\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ReadParameter();

    /// <summary>Of the tables of what has no bearing on a result, and of what must have its neutral value.</summary>
    [GeneratedRegex(
        @"\[""(?<name>[a-z_]+)""\] =|(?<=s_harmless =\s*\[[^\]]*)""(?<name>[a-z_]+)""",
        RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex KnownParameter();

    /// <summary>Where an error is made: before its sentence, by name, or behind the sentence and the parameter.</summary>
    [GeneratedRegex(
        @"""(?<code>" + Snake + @")"",\s*\$?""[^""\n]* [^""\n]*""|code: ""(?<code>\w+)""|"", ""[\w.]+"", ""(?<code>" + Snake + @")""\)"
        + @"|(Conflict|TooMany)\([^;]*?, ""(?<code>" + Snake + @")""",
        RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ErrorCode();

    [GeneratedRegex("`(?<code>" + Snake + ")`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Listed();
}
