using LLaDA.Diffusion.Data.Examples;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>
/// Preferences of a JSON Lines file, one a line (<see cref="ExampleReader"/>). All lines are checked when it is opened; they become tokens
/// when their step comes. Every epoch visits each line once.
/// </summary>
/// <remarks>
/// A batch has two rows of each pair, the preferred answer first. Answers end with one end of text, and no token attends to padding.
/// </remarks>
public sealed class PreferenceData : ITrainingData, IDisposable
{
    private const int MaxFaults = 20;
    private readonly LLaDATokenizer _tokenizer;
    private readonly FineTuningOptions _options;
    private readonly LineIndex _lines;
    private readonly List<int> _used = [];
    private readonly EpochOrder _order;

    /// <param name="options">
    /// Long pairs are skipped or fail: an answer without its end would be judged for what it does not say.
    /// </param>
    /// <exception cref="TrainingDataException">Lines are wrong or too long, or there are none.</exception>
    /// <exception cref="ArgumentException">Long pairs are to be cut.</exception>
    public PreferenceData(string path, LLaDATokenizer tokenizer, FineTuningOptions options)
    {
        if (options.LongExamples == LongExamples.Cut)
            throw new ArgumentException("Preferences are not cut: they are skipped or fail", nameof(options));
        (_tokenizer, _options) = (tokenizer, options with { LearnsPadding = false });
        _lines = new LineIndex(path);
        try
        {
            Check(path);
        }
        catch
        {
            _lines.Dispose();
            throw;
        }
        _order = new EpochOrder(NumRows, new CounterRandom((ulong)options.Seed));
        Fingerprint = $"{_lines.Hash:x16}, preferences, {_options.Fingerprint}";
    }

    /// <summary>Pairs of an epoch.</summary>
    public int NumRows => _used.Count;

    public int MaxLength { get; private set; }

    /// <summary>Tokens that a prompt with an answer may have.</summary>
    public int ContextLength => _options.MaxLength;

    /// <summary>Lines left out because an answer does not fit <see cref="FineTuningOptions.MaxLength"/>.</summary>
    public int NumSkipped => _lines.Count - _used.Count;

    public string Fingerprint { get; }

    /// <param name="batchSize">Pairs.</param>
    public TrainingBatch Batch(int step, int batchSize)
    {
        ExampleRow[] rows = [.. Enumerable.Range(0, batchSize).SelectMany(pair => Read(_order.At(((long)step * batchSize) + pair).Row))];
        int length = rows.Max(row => row.Length);
        return new TrainingBatch(
            [.. rows.Select(row => row.Padded(length, _tokenizer.EndOfTextId))],
            [.. rows.Select(row => row.Prompt.Length)],
            [.. rows.Select(row => row.Length)]);
    }

    public void Dispose() => _lines.Dispose();

    private ExampleRow[] Read(int row) => Encode(ExampleReader.ReadPreference(_lines.Read(_used[row])));

    /// <returns>The preferred answer and the other one.</returns>
    private ExampleRow[] Encode(PreferenceExample example) =>
    [
        ExampleRow.Of(_tokenizer, new TrainingExample(example.History, "", example.Chosen)),
        ExampleRow.Of(_tokenizer, new TrainingExample(example.History, "", example.Rejected)),
    ];

    private void Check(string path)
    {
        List<string> faults = [];
        for (int line = 0; line < _lines.Count && faults.Count < MaxFaults; line++)
        {
            try
            {
                var pair = Encode(ExampleReader.ReadPreference(_lines.Read(line)));
                if (pair[0].Answer.AsSpan().SequenceEqual(pair[1].Answer))
                    throw new FormatException("preferred_output and non_preferred_output are the same tokens");
                int length = Math.Max(pair[0].Length, pair[1].Length);
                if (length > _options.MaxLength && _options.LongExamples == LongExamples.Skip)
                    continue;
                if (pair[0].Length > _options.MaxLength)
                    throw new FormatException(pair[0].WhyTooLong(_options.MaxLength, "its preferred_output"));
                if (pair[1].Length > _options.MaxLength)
                    throw new FormatException(pair[1].WhyTooLong(_options.MaxLength, "its non_preferred_output"));
                MaxLength = Math.Max(MaxLength, length);
                _used.Add(line);
            }
            catch (Exception fault) when (fault is FormatException or NotSupportedException)
            {
                faults.Add($"line {_lines.Number(line)}: {fault.Message}");
            }
        }
        if (faults.Count == 0 && _used.Count == 0)
            faults.Add(_lines.Count == 0 ? "no examples" : $"all {_lines.Count} examples are longer than {_options.MaxLength} tokens");
        if (faults.Count > 0)
            throw new TrainingDataException(path, faults);
    }
}
