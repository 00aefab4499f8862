using System.CommandLine;
using System.Text.Json;
using LLaDA.Batch.Cli.Terminal;

namespace LLaDA.Batch.Cli.Service;

/// <summary>An option that may be repeated, each time with <c>name=value</c>.</summary>
internal sealed class NameValues(string name, string description)
{
    public Option<string[]> Option { get; } = new(name)
    {
        Description = description,
        HelpName = "name=value",
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => [],
    };

    /// <returns>Null where the option is not given.</returns>
    /// <exception cref="OperatorException">An entry is no name=value.</exception>
    public Dictionary<string, string>? Find(ParseResult parse)
    {
        Dictionary<string, string>? values = null;
        foreach (string entry in parse.GetValue(Option)!)
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
                throw new OperatorException($"{name} {entry}: write name=value", ExitCodes.Usage);
            (values ??= new(StringComparer.Ordinal))[entry[..equals]] = entry[(equals + 1)..];
        }
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
