using System.Globalization;
using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LLaDA.Batch.Tests;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>The tables of docs/reference say what the code says.</summary>
public sealed partial class ReferenceTests
{
    /// <summary>What else stands where codes do: types of errors, and parameters that a helper puts before a rule.</summary>
    private static readonly string[] s_noCodes = ["invalid_request_error", "rate_limit_error", "max_gap_length", "max_tokens"];

    private const BindingFlags AnyStatic = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly Assembly[] s_assemblies =
        [.. new[] { "LLaDA.Batch.Functions", "LLaDA.Batch.Worker", "LLaDA.Batch.Shared", "LLaDA.Diffusion" }.Select(Assembly.Load)];

    /// <summary>By the name of the environment variable.</summary>
    private static readonly Dictionary<string, object?> s_settings = s_assemblies.SelectMany(Types)
        .Where(type => type.GetField("Section") is { IsLiteral: true })
        .SelectMany(type => type.GetProperties().Where(property => property.CanWrite).Select(property =>
            (Name: $"{type.GetField("Section")!.GetRawConstantValue()}__{property.Name}", Value: property.GetValue(Activator.CreateInstance(type)))))
        .ToDictionary(setting => setting.Name, setting => setting.Value, StringComparer.Ordinal);

    public static TheoryData<string> Settings => [.. s_settings.Keys];

    [Theory]
    [MemberData(nameof(Settings))]
    public void Every_setting_is_listed_with_its_default(string name)
    {
        string[] row = Rows("settings").Single(row => row[0] == $"`{name}`");

        Assert.Equal(Text(s_settings[name]), row[1].Trim('`'));
    }

    [Fact]
    public void Every_listed_setting_is_one_of_the_code() => Assert.All(
        Rows("settings").Where(row => row.Length == 3 && row[0].Contains("__", StringComparison.Ordinal)), row => Assert.Contains(row[0].Trim('`'), s_settings.Keys));

    [Fact]
    public void Every_limit_that_is_a_setting_is_listed() => Assert.All(
        s_settings.Keys.Where(name => name.StartsWith("Limits__", StringComparison.Ordinal) || name.StartsWith("Retention__", StringComparison.Ordinal)),
        name => Assert.Contains(Rows("limits"), row => row[2] == $"`{name}`"));

    [Fact]
    public void Every_limit_has_the_value_of_the_code()
    {
        var constants = s_assemblies.SelectMany(Types).SelectMany(type => type.GetFields(AnyStatic)).Where(field => field.IsLiteral)
            .Select(field => (field.Name, Value: field.GetRawConstantValue())).Where(constant => constant.Value is int or long or double).ToLookup(constant => constant.Name, constant => Number(constant.Value!), StringComparer.Ordinal);
        var held = Rows("limits").Where(row => row[2].StartsWith('`')).ToList();

        Assert.NotEmpty(held);
        Assert.All(held, row =>
        {
            string name = row[2].Trim('`');
            Assert.Contains(Value(row[1]), s_settings.TryGetValue(name, out object? setting) ? [setting is TimeSpan time ? time.TotalDays : Number(setting!)] : constants[name]);
        });
    }

    [Fact]
    public void Every_path_of_the_API_is_listed()
    {
        string description = Directory.GetFiles(Path.Combine(MarkdownPage.Root, "functions"), "openapi.json", SearchOption.AllDirectories).First(file => !file.Contains("/obj/", StringComparison.Ordinal));
        var paths = JsonNode.Parse(File.ReadAllText(description))!["paths"]!.AsObject();
        var listed = Rows("api").Where(row => row.Length == 3 && row[0].StartsWith("`/", StringComparison.Ordinal)).ToDictionary(row => row[0].Trim('`'), row => row[1], StringComparer.Ordinal);

        Assert.Equal(paths.Select(path => path.Key).Order(StringComparer.Ordinal), listed.Keys.Order(StringComparer.Ordinal));
        Assert.All(paths, path => Assert.Equal(path.Value!.AsObject().Select(method => method.Key.ToUpperInvariant()).Order(StringComparer.Ordinal), listed[path.Key].Split(", ").Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void Every_parameter_of_a_line_is_listed()
    {
        string page = Page("api");
        string[] sources = [.. Sources("gpu-worker/Worker/Requests")];
        string[] read = [.. sources.SelectMany(source => ReadParameter().Matches(source).Select(match => match.Groups["name"].Value)).Distinct()];
        string[] known = [.. sources.SelectMany(source => KnownParameter().Matches(source).Select(match => match.Groups["name"].Value)).Distinct()];

        Assert.Contains("max_gap_length", read);
        Assert.Contains("logit_bias", known);
        Assert.All(read.Concat(known), name => Assert.Contains($"`{name}`", page, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_code_of_an_error_is_listed()
    {
        string page = Page("errors") + Page("../guide/schedules");
        string[] sources = [.. Sources("functions"), .. Sources("shared"), .. Sources("gpu-worker/Worker"), .. Sources("gpu-worker/Diffusion/Infilling")];
        string[] codes = [.. sources.SelectMany(source => ErrorCode().Matches(source).Select(match => match.Groups["code"].Value)).Distinct()];

        Assert.True(codes.Length > 50, $"only {codes.Length} codes were found");
        Assert.All(codes.Except(s_noCodes), code => Assert.Contains($"`{code}`", page, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_listed_code_is_one_of_the_code()
    {
        string sources = string.Concat(Sources("functions").Concat(Sources("shared")).Concat(Sources("gpu-worker")));
        var listed = Rows("errors").SelectMany(row => Listed().Matches(row[0] + (row.Length > 2 ? row[1] : "")).Select(match => match.Groups["code"].Value)).ToList();

        Assert.NotEmpty(listed);
        Assert.All(listed.Where(code => !code.StartsWith("invalid_training_file", StringComparison.Ordinal) && !code.StartsWith("invalid_validation_file", StringComparison.Ordinal)),
            code => Assert.Contains($"\"{code}\"", sources, StringComparison.Ordinal));
    }

    private static IEnumerable<Type> Types(Assembly assembly) => assembly.GetTypes().Where(type => !type.ContainsGenericParameters);

    private static string Page(string name) => File.ReadAllText(Path.Combine(MarkdownPage.Root, "docs/reference", $"{name}.md"));

    /// <summary>The cells of a page's tables, without their heads.</summary>
    private static IEnumerable<string[]> Rows(string page) => Page(page).Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| ---", StringComparison.Ordinal))
        .Select(line => line.Trim().Trim('|').Split('|').Select(cell => cell.Trim()).ToArray());

    private static IEnumerable<string> Sources(string folder) => Directory.GetFiles(Path.Combine(MarkdownPage.Root, folder), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText);

    private static string Text(object? value) => value switch
    {
        null or "" => "none",
        bool flag => flag ? "true" : "false",
        string text => text.Replace(Path.GetTempPath(), "/tmp/", StringComparison.Ordinal),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static double Number(object value) => Convert.ToDouble(value, CultureInfo.InvariantCulture);

    /// <summary>The number that a cell begins with.</summary>
    private static double Value(string cell)
    {
        var match = Quantity().Match(cell);
        double unit = match.Groups["unit"].Value switch { "KiB" => 1 << 10, "MiB" => 1 << 20, "GiB" => 1 << 30, _ => 1 };
        return double.Parse(match.Groups["number"].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture) * unit;
    }

    [GeneratedRegex(@"^(?<number>[\d,]*\d)( (?<unit>KiB|MiB|GiB))?", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Quantity();

    [GeneratedRegex(@"(body\.\w+|ReadName<\w+>)\((body, )?""(?<name>\w+)""\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ReadParameter();

    /// <summary>Of RequestBody's two tables.</summary>
    [GeneratedRegex(@"\[""(?<name>[a-z_]+)""\] =|(?<=s_harmless =\s*\[[^\]]*)""(?<name>[a-z_]+)""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex KnownParameter();

    /// <summary>Where an error is made: before its sentence, by name, or as what follows the sentence and the parameter.</summary>
    [GeneratedRegex(
        @"""(?<code>[a-z]+(_[a-z0-9]+)+)"",\s*\$?""[^""\n]* [^""\n]*""|code: ""(?<code>\w+)""|"", ""[\w.]+"", ""(?<code>[a-z]+(_[a-z0-9]+)+)""\)|(Conflict|TooMany)\([^;]*?, ""(?<code>[a-z]+(_[a-z0-9]+)+)""",
        RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ErrorCode();

    [GeneratedRegex("`(?<code>[a-z]+(_[a-z0-9]+)+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Listed();
}
