using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;

namespace LLaDA.Batch.Infra.Tests.Pages;

/// <summary>The pages of settings and limits say what the code says.</summary>
public sealed partial class SettingsAndLimitsTests
{
    private static readonly Type[] s_types =
    [
        .. new[] { "LLaDA.Batch.Functions", "LLaDA.Batch.Worker", "LLaDA.Batch.Shared", "LLaDA.Diffusion" }
            .SelectMany(name => Assembly.Load(name).GetTypes()).Where(type => !type.ContainsGenericParameters),
    ];

    /// <summary>Defaults by the name of the environment variable: every type with a section is read from one.</summary>
    private static readonly Dictionary<string, object?> s_settings = s_types
        .Where(type => type.GetField("Section") is { IsLiteral: true })
        .SelectMany(type => type.GetProperties().Where(property => property.CanWrite), (type, property) => (
            Name: $"{type.GetField("Section")!.GetRawConstantValue()}__{property.Name}",
            Value: property.GetValue(Activator.CreateInstance(type))))
        .ToDictionary(setting => setting.Name, setting => setting.Value, StringComparer.Ordinal);

    /// <summary>Numbers by the name of their constant.</summary>
    private static readonly ILookup<string, double> s_constants = s_types
        .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
        .Where(field => field.IsLiteral)
        .Select(field => (field.Name, Value: field.GetRawConstantValue())).Where(constant => constant.Value is int or long or double)
        .ToLookup(constant => constant.Name, constant => Number(constant.Value!), StringComparer.Ordinal);

    public static TheoryData<string> Settings => [.. s_settings.Keys];

    public static TheoryData<string> Limits =>
        [.. s_settings.Keys.Where(name => name.Split("__")[0] is "Limits" or "Retention")];

    [Theory]
    [MemberData(nameof(Settings))]
    public void Every_setting_is_listed_with_its_default(string name)
    {
        string[] row = ReferencePage.Rows("settings").Single(row => row[0] == $"`{name}`");

        Assert.Equal(Text(s_settings[name]), row[1].Trim('`'));
    }

    [Fact]
    public void Every_listed_setting_with_a_default_is_one_of_the_code() => Assert.All(
        ReferencePage.Rows("settings").Where(row => row.Length == 3 && row[0].StartsWith('`')),
        row => Assert.Contains(row[0].Trim('`'), s_settings.Keys));

    [Theory]
    [MemberData(nameof(Limits))]
    public void Every_limit_that_is_a_setting_is_listed(string name) =>
        Assert.Contains(ReferencePage.Rows("limits"), row => row[2] == $"`{name}`");

    [Fact]
    public void Every_limit_has_the_value_of_the_code()
    {
        var held = ReferencePage.Rows("limits").Where(row => row[2].StartsWith('`')).ToList();

        Assert.NotEmpty(held);
        Assert.All(held, row => Assert.Contains(Listed(row[1]), InCode(row[2].Trim('`'))));
    }

    private static IEnumerable<double> InCode(string name) => !s_settings.TryGetValue(name, out object? setting) ? s_constants[name]
        : setting is TimeSpan time ? [time.TotalDays] : [Number(setting!)];

    private static string Text(object? value) => value switch
    {
        null or "" => "none",
        bool flag => flag ? "true" : "false",
        string text => text.Replace(Path.GetTempPath(), "/tmp/", StringComparison.Ordinal),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static double Number(object value) => Convert.ToDouble(value, CultureInfo.InvariantCulture);

    /// <summary>The number that a cell begins with, in bytes where it has such a unit.</summary>
    private static double Listed(string cell)
    {
        var match = Quantity().Match(cell);
        double unit = match.Groups["unit"].Value switch { "KiB" => 1 << 10, "MiB" => 1 << 20, "GiB" => 1 << 30, _ => 1 };
        return double.Parse(match.Groups["number"].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture) * unit;
    }

    [GeneratedRegex(@"^(?<number>[\d,]*\d)( (?<unit>KiB|MiB|GiB))?", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Quantity();
}
