using LLaDA.Diffusion.Data.Examples;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>
/// Examples of a JSON Lines file, one a line (<see cref="ExampleReader"/>). All lines are checked when it is opened; they become tokens
/// when their step comes, so the file may be larger than memory. Every epoch visits each line once, in an order of its own.
/// </summary>
public abstract class ExampleData : ITrainingData, IDisposable
{
    private const int MaxFaults = 20;
    private readonly LineIndex _file;
    private readonly List<int> _used = [];
    private readonly EpochOrder _order;

    /// <param name="rows">Every row that a line may become, as long as it may be. Wrong lines are a <see cref="FormatException"/>.</param>
    /// <param name="kind">What else decides about the batches, as a part of the fingerprint.</param>
    /// <param name="tooLong">What is said of the examples where all are too long.</param>
    /// <exception cref="TrainingDataException">Lines are wrong or too long, or there are none.</exception>
    private protected ExampleData(
        string path,
        LLaDATokenizer tokenizer,
        FineTuningOptions options,
        Func<byte[], IEnumerable<ExampleRow>> rows,
        string kind = "",
        string? tooLong = null)
    {
        (Tokenizer, Options, Random) = (tokenizer, options, new CounterRandom((ulong)options.Seed));
        _file = new LineIndex(path);
        try
        {
            Check(path, rows, tooLong ?? $"examples are longer than {options.MaxLength} tokens");
        }
        catch
        {
            _file.Dispose();
            throw;
        }
        _order = new EpochOrder(NumRows, Random);
        Fingerprint = $"{_file.Hash:x16}, {kind}{options.Fingerprint}";
    }

    /// <summary>Lines that are used: the examples of an epoch.</summary>
    public int NumRows => _used.Count;

    public int MaxLength { get; private set; }

    /// <summary>Tokens that a prompt with an answer may have.</summary>
    public int ContextLength => Options.MaxLength;

    /// <summary>Lines left out because they are longer than <see cref="FineTuningOptions.MaxLength"/>.</summary>
    public int NumSkipped => _file.Count - _used.Count;

    /// <summary>Lines of which some answer is cut, because they are longer than <see cref="FineTuningOptions.MaxLength"/>.</summary>
    public int NumCut { get; private set; }

    public string Fingerprint { get; }

    private protected LLaDATokenizer Tokenizer { get; }

    private protected FineTuningOptions Options { get; }

    private protected CounterRandom Random { get; }

    /// <param name="batchSize">Lines.</param>
    public abstract TrainingBatch Batch(int step, int batchSize);

    public void Dispose()
    {
        _file.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The lines of a step, among those that are used.</summary>
    private protected IEnumerable<(int Epoch, int Line)> Draw(int step, int batchSize) =>
        Enumerable.Range(0, batchSize).Select(row => _order.At(((long)step * batchSize) + row));

    /// <param name="line">Among those that are used.</param>
    private protected byte[] Read(int line) => _file.Read(_used[line]);

    /// <summary>The number of a line in the file, from 1 on.</summary>
    /// <inheritdoc cref="Read"/>
    private protected int Number(int line) => _file.Number(_used[line]);

    /// <exception cref="FormatException">The row is too long, and is not to be cut or leaves no room for an answer.</exception>
    private protected ExampleRow Fit(ExampleRow row)
    {
        if (row.Length <= Options.MaxLength)
            return row;
        int room = Options.MaxLength - row.Prompt.Length;
        return Options.LongExamples == LongExamples.Cut && room > 0
            ? row with { Answer = row.Answer[..room] }
            : throw new FormatException(row.WhyTooLong(Options.MaxLength));
    }

    /// <summary>Pads rows to the longest one.</summary>
    private protected TrainingBatch Pad(ExampleRow[] rows)
    {
        int length = rows.Max(row => row.Length);
        return new TrainingBatch(
            [.. rows.Select(row => row.Padded(length, Tokenizer.EndOfTextId))],
            [.. rows.Select(row => row.Prompt.Length)],
            [.. rows.Select(row => Options.LearnsPadding ? length : row.Length)]);
    }

    private void Check(string path, Func<byte[], IEnumerable<ExampleRow>> rows, string tooLong)
    {
        List<string> faults = [];
        for (int line = 0; line < _file.Count && faults.Count < MaxFaults; line++)
        {
            try
            {
                Use(line, [.. rows(_file.Read(line))]);
            }
            catch (Exception fault) when (fault is FormatException or NotSupportedException)
            {
                faults.Add($"line {_file.Number(line)}: {fault.Message}");
            }
        }
        if (faults.Count == 0 && _used.Count == 0)
            faults.Add(_file.Count == 0 ? "no examples" : $"all {_file.Count} {tooLong}");
        if (faults.Count > 0)
            throw new TrainingDataException(path, faults);
    }

    /// <exception cref="FormatException">A row is too long, and its line not to be left out.</exception>
    private void Use(int line, ExampleRow[] rows)
    {
        bool isLong = Array.Exists(rows, row => row.Length > Options.MaxLength);
        if (isLong && Options.LongExamples == LongExamples.Skip)
            return;
        MaxLength = Math.Max(MaxLength, rows.Max(row => Fit(row).Length));
        NumCut += isLong ? 1 : 0;
        _used.Add(line);
    }
}
