using System.CommandLine;
using System.Text.Json;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;

namespace LLaDA.Batch.Cli.Answers;

/// <summary>The options that choose a model and its sampling.</summary>
internal sealed class SamplingOptions
{
    private readonly Option<string?> _model = new("--model", "-m") { Description = "Name of a model; the service's first one by default" };

    private readonly Option<int?> _steps = new("--steps") { Description = "Denoising steps; one a token by default" };

    private readonly Option<double?> _threshold = new("--threshold")
    {
        Description = "Commit every prediction that is at least this probable, 0.99 for instance: much faster",
    };

    private readonly Option<double?> _temperature = new("--temperature") { Description = "0 takes the most probable token" };

    private readonly Option<long?> _seed = new("--seed") { Description = "The same request with the same seed has the same answer" };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Any other parameter of the API, as name=value with a value in JSON: --set cache='\"dual\"'",
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => [],
    };

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _model, _steps, _threshold, _temperature, _seed, _set })
            command.Options.Add(option);
    }

    public int? Steps(ParseResult parse) => parse.GetValue(_steps);

    public double? Threshold(ParseResult parse) => parse.GetValue(_threshold);

    public double? Temperature(ParseResult parse) => parse.GetValue(_temperature);

    public long? Seed(ParseResult parse) => parse.GetValue(_seed);

    /// <summary>The model that is named, or the first one whose name fits.</summary>
    /// <param name="fits">Prefers one of several models.</param>
    /// <exception cref="OperatorException">The service has no model.</exception>
    public async Task<string> ModelAsync(ParseResult parse, LLaDAClient client, Func<string, bool> fits, CancellationToken cancellation)
    {
        if (parse.GetValue(_model) is { } named)
            return named;
        var names = await client.ListModelsAsync(cancellation).Select(model => model.Id).ToListAsync(cancellation);
        return names.Find(name => fits(name)) ?? names.FirstOrDefault()
            ?? throw new OperatorException("The service has no model yet: an operator adds one with 'llada admin models add'");
    }

    /// <exception cref="OperatorException">An entry is no name=value with a value in JSON.</exception>
    public Dictionary<string, JsonElement> More(ParseResult parse)
    {
        Dictionary<string, JsonElement> more = [];
        foreach (string entry in parse.GetValue(_set)!)
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
                throw new OperatorException($"--set {entry}: write name=value", ExitCodes.Usage);
            more[entry[..equals]] = Value(entry[(equals + 1)..]);
        }
        return more;
    }

    /// <summary>What is no JSON is a text.</summary>
    private static JsonElement Value(string text)
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
