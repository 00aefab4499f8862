using LLaDA.Diffusion.Data.Examples;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>
/// Examples of a JSON Lines file, one a line (<see cref="ExampleReader"/>). All lines are checked when it is opened; they become tokens
/// when their step comes, so the file may be larger than memory.
/// </summary>
/// <remarks>Every epoch visits each line once; of a dialogue with several answers it draws one (LLaDA, Section 2.3).</remarks>
public sealed class FineTuningData : ITrainingData, IDisposable
{
    private const int MaxFaults = 20;
    private readonly LLaDATokenizer _tokenizer;
    private readonly FineTuningOptions _options;
    private readonly LineIndex _lines;
    private readonly List<int> _used = [];
    private readonly CounterRandom _random;
    private readonly EpochOrder _order;

    /// <exception cref="TrainingDataException">Lines are wrong or too long, or there are none.</exception>
    public FineTuningData(string path, LLaDATokenizer tokenizer, FineTuningOptions options)
    {
        (_tokenizer, _options, _random) = (tokenizer, options, new CounterRandom((ulong)options.Seed));
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
        _order = new EpochOrder(NumRows, _random);
        Fingerprint = $"{_lines.Hash:x16}, {options.Fingerprint}";
    }

    public int NumRows => _used.Count;

    public int MaxLength { get; private set; }

    /// <summary>Tokens that an example may have.</summary>
    public int ContextLength => _options.MaxLength;

    /// <summary>Lines left out because they are longer than <see cref="FineTuningOptions.MaxLength"/>.</summary>
    public int NumSkipped => _lines.Count - _used.Count;

    /// <summary>Lines of which some answer is cut, because they are longer than <see cref="FineTuningOptions.MaxLength"/>.</summary>
    public int NumCut { get; private set; }

    public string Fingerprint { get; }

    public TrainingBatch Batch(int step, int batchSize)
    {
        ExampleRow[] rows = [.. Enumerable.Range(0, batchSize).Select(row => Draw(((long)step * batchSize) + row))];
        int length = rows.Max(row => row.Length);
        return new TrainingBatch(
            [.. rows.Select(row => row.Padded(length, _tokenizer.EndOfTextId))],
            [.. rows.Select(row => row.Prompt.Length)],
            [.. rows.Select(row => _options.LearnsPadding ? length : row.Length)]);
    }

    /// <summary>Every answer of every line that is used, in the order of the file.</summary>
    public IEnumerable<AnsweredPrompt> Answers() => _used.SelectMany(line => Read(line).Select((example, index) =>
    {
        var row = Fit(Encode(example));
        return new AnsweredPrompt(index + 1, row.Prompt, row.Answer);
    }));

    public void Dispose() => _lines.Dispose();

    private IReadOnlyList<TrainingExample> Read(int line) => ExampleReader.ReadSupervised(_lines.Read(line));

    private ExampleRow Draw(long row)
    {
        var (epoch, line) = _order.At(row);
        var examples = Read(_used[line]);
        var example = examples[(int)_random.Below((ulong)examples.Count, (uint)epoch, (ulong)line, RandomStream.DialoguePair)];
        return Fit(Encode(example));
    }

    private void Check(string path)
    {
        List<string> faults = [];
        for (int line = 0; line < _lines.Count && faults.Count < MaxFaults; line++)
        {
            try
            {
                ExampleRow[] rows = [.. Read(line).Select(Encode)];
                bool isLong = Array.Exists(rows, row => row.Length > _options.MaxLength);
                if (isLong && _options.LongExamples == LongExamples.Skip)
                    continue;
                MaxLength = Math.Max(MaxLength, rows.Max(row => Fit(row).Length));
                NumCut += isLong ? 1 : 0;
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

    private ExampleRow Encode(TrainingExample example) => ExampleRow.Of(_tokenizer, example);

    /// <exception cref="FormatException">The row is too long, and is not to be cut or leaves no room for an answer.</exception>
    private ExampleRow Fit(ExampleRow row)
    {
        if (row.Length <= _options.MaxLength)
            return row;
        int room = _options.MaxLength - row.Prompt.Length;
        return _options.LongExamples == LongExamples.Cut && room > 0
            ? row with { Answer = row.Answer[..room] }
            : throw new FormatException(row.WhyTooLong(ContextLength));
    }
}
