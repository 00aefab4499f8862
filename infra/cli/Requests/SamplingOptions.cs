using System.CommandLine;
using System.Text.Json;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;

namespace LLaDA.Batch.Cli.Requests;

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

    private readonly NameValues _set = new("--set", "Any other parameter of the API, with a value in JSON: --set cache='\"dual\"'");

    private Option[] All => [_model, _steps, _threshold, _temperature, _seed, _set.Option];

    public void AddTo(Command command)
    {
        foreach (var option in All)
            command.Options.Add(option);
    }

    /// <summary>The first of these options that is given; null where none is.</summary>
    public string? FindGiven(ParseResult parse) =>
        Array.Find(All, option => parse.GetResult(option) is { Implicit: false })?.Name;

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

    /// <exception cref="OperatorException">An entry is no name=value.</exception>
    public Dictionary<string, JsonElement> More(ParseResult parse) => _set.FindJson(parse);
}
