using System.CommandLine;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Diffusion.Data;

namespace LLaDA.Batch.Train.Training;

/// <summary>The options of commands that train a model further: where it starts, its data, what is trained, and the run.</summary>
internal sealed class TuningOptions
{
    private readonly Option<DirectoryInfo> _model;
    private readonly Option<FileInfo> _data;
    private readonly Option<FileInfo?> _validation;
    private readonly Option<double> _epochs;
    private readonly Option<int?> _maxLength;
    private readonly Option<bool> _skipsLong;
    private readonly bool _hasReference;

    /// <param name="examples">What the lines of the data are, in the plural.</param>
    /// <param name="data">The form of the data.</param>
    /// <param name="longest">What <c>--max-length</c> limits.</param>
    /// <param name="epochs">The default.</param>
    /// <param name="hasReference">Whether the model is compared with what it was. Then answers are judged, and so never cut.</param>
    public TuningOptions(RunOptions run, string examples, string data, string longest, double epochs, bool hasReference)
    {
        (Run, Examples, _hasReference) = (run, examples, hasReference);
        _model = new("--model")
        {
            Description = "Folder of the model to start from, tokenizer included" + (hasReference ? ". It is the reference too" : ""),
            Required = true,
        };
        _data = new("--data") { Description = data, Required = true };
        _validation = new("--validation") { Description = $"Held-out {examples}" };
        _epochs = new Option<double>("--epochs") { Description = "Passes over the data", DefaultValueFactory = _ => epochs }.Above0();
        _maxLength = new Option<int?>("--max-length")
        {
            Description = $"{longest}, in tokens. The default is the model's context",
        }.AtLeast(1);
        _skipsLong = new("--skip-long") { Description = $"Leaves out longer {examples} instead of stopping" };
    }

    public RunOptions Run { get; }

    public AdapterOptions Adapter { get; } = new();

    /// <summary>What the lines of the data are, in the plural.</summary>
    public string Examples { get; }

    /// <param name="own">Options of this command alone.</param>
    public void AddTo(Command command, params ReadOnlySpan<Option> own)
    {
        foreach (var option in (Option[])[_model, _data, _validation, _epochs, _maxLength, .. _hasReference ? [_skipsLong] : (Option[])[]])
            command.Options.Add(option);
        foreach (var option in own)
            command.Options.Add(option);
        Adapter.AddTo(command);
        Run.AddTo(command);
    }

    /// <summary>Folder of the model to start from.</summary>
    public string Model(ParseResult parse) => parse.GetRequiredValue(_model).FullName;

    public string Data(ParseResult parse) => parse.GetRequiredValue(_data).FullName;

    public string? Validation(ParseResult parse) => parse.GetValue(_validation)?.FullName;

    public double Epochs(ParseResult parse) => parse.GetValue(_epochs);

    /// <summary>Null for the model's context.</summary>
    public int? MaxLength(ParseResult parse) => parse.GetValue(_maxLength);

    /// <summary>Of data with a reference.</summary>
    public LongExamples LongExamples(ParseResult parse) =>
        parse.GetValue(_skipsLong) ? Diffusion.Data.LongExamples.Skip : Diffusion.Data.LongExamples.Fail;
}
