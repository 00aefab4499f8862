using System.CommandLine;
using System.Text.Json;
using LLaDA.Batch.Cli.Terminal;

namespace LLaDA.Batch.Cli.Service;

/// <summary>An option that may be repeated, each time with <c>name=value</c>.</summary>
/// <param name="form">What name and value are.</param>
internal sealed class NameValues(string name, string description, string form = "name=value")
{
    public Option<string[]> Option { get; } = new(name)
    {
        Description = description,
        HelpName = form,
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => [],
    };

    /// <summary>The entries in their order, where a name may come again.</summary>
    /// <exception cref="OperatorException">An entry is no name=value.</exception>
    public IEnumerable<(string Name, string Value)> Pairs(ParseResult parse)
    {
        foreach (string entry in parse.GetValue(Option)!)
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
                throw new OperatorException($"{name} {entry}: write {form}", ExitCodes.Usage);
            yield return (entry[..equals], entry[(equals + 1)..]);
        }
    }

    /// <summary>The last value of each name.</summary>
    /// <returns>Null where the option is not given.</returns>
    /// <inheritdoc cref="Pairs"/>
    public Dictionary<string, string>? Find(ParseResult parse)
    {
        Dictionary<string, string>? values = null;
        foreach (var (key, value) in Pairs(parse))
            (values ??= new(StringComparer.Ordinal))[key] = value;
        return values;
    }

    /// <summary>The values as JSON, and as texts where they are none.</summary>
    /// <exception cref="OperatorException">An entry is no name=value.</exception>
    public Dictionary<string, JsonElement> FindJson(ParseResult parse) =>
        Find(parse)?.ToDictionary(entry => entry.Key, entry => Json(entry.Value)) ?? [];

    private static JsonElement Json(string text)
    {
        try
        {
            return JsonElement.Parse(text);
        }
        catch (JsonException)
        {
            return JsonSerializer.SerializeToElement(text);
        }
    }
}
