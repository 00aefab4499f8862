using System.CommandLine;
using System.Globalization;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client.Answers;

namespace LLaDA.Batch.Cli.Requests;

/// <summary>The options of requests that fill texts: a model, its sampling, and what may fill a gap.</summary>
internal sealed class FillOptions
{
    private readonly Option<string[]> _patterns = new("--pattern")
    {
        Description = "What fills consist of: digits, word or sentence, or for one gap, counted from 0, as in --pattern 0=digits",
        HelpName = "[gap=]name",
        DefaultValueFactory = _ => [],
    };

    private readonly NameValues _choices = new(
        "--choice", "A text that may fill a gap [MASK], counted from 0; the most probable one does: --choice 0=yes --choice 0=no",
        "gap=text");

    public SamplingOptions Sampling { get; } = new();

    public void AddTo(Command command)
    {
        command.Options.Add(_choices.Option);
        command.Options.Add(_patterns);
        Sampling.AddTo(command);
    }

    /// <summary>The first of these options that is given; null where none is.</summary>
    public string? FindGiven(ParseResult parse) =>
        Sampling.FindGiven(parse)
        ?? Array.Find<Option>([_choices.Option, _patterns], option => parse.GetResult(option) is { Implicit: false })?.Name;

    /// <summary>A request to fill a text.</summary>
    /// <exception cref="OperatorException">An entry has another form.</exception>
    public InfillRequest Request(ParseResult parse, string model, string text) => new()
    {
        Model = model,
        Text = text,
        Pattern = Pattern(parse.GetValue(_patterns)!),
        Choices = Choices(parse),
        Steps = Sampling.Steps(parse),
        Threshold = Sampling.Threshold(parse),
        Temperature = Sampling.Temperature(parse),
        Seed = Sampling.Seed(parse),
        More = Sampling.More(parse),
    };

    private static GapPatterns? Pattern(string[] entries)
    {
        if (entries is [] or [_] && entries.All(entry => !entry.Contains('=', StringComparison.Ordinal)))
            return entries is [var ofAll] ? new GapPatterns(ofAll) : null;
        Dictionary<int, string> byGap = [];
        foreach (string entry in entries)
        {
            if (entry.Split('=') is not [var gap, var name])
                throw new OperatorException($"--pattern {entry}: write one name for all gaps, or gap=name for each", ExitCodes.Usage);
            if (!byGap.TryAdd(Number("--pattern", gap), name))
                throw new OperatorException($"--pattern {entry}: gap {gap} has a pattern already", ExitCodes.Usage);
        }
        return new GapPatterns(byGap);
    }

    private Dictionary<int, IReadOnlyList<string>>? Choices(ParseResult parse)
    {
        var byGap = _choices.Pairs(parse)
            .GroupBy(entry => Number("--choice", entry.Name), entry => entry.Value)
            .ToDictionary(gap => gap.Key, IReadOnlyList<string> (gap) => [.. gap]);
        return byGap.Count > 0 ? byGap : null;
    }

    private static int Number(string option, string gap) =>
        int.TryParse(gap, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new OperatorException($"{option} {gap}=...: a gap is a number, and the first one is 0", ExitCodes.Usage);
}
