using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>
/// Examples of a JSON Lines file, one a line (<see cref="ExampleFormat"/>). All lines are checked when it is opened; their tokens are made when their step comes, so the file may be
/// larger than memory. Every epoch visits each line once; of a dialogue with several answers it draws one (LLaDA, Section 2.3).
/// </summary>
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
        Fingerprint = $"{_lines.Hash:x16}, {options}";
    }

    public int NumRows => _used.Count;

    public int MaxLength { get; private set; }

    /// <summary>Lines left out because they are too long.</summary>
    public int NumSkipped => _lines.Count - _used.Count;

    public string Fingerprint { get; }

    public TrainingBatch Batch(int step, int batchSize)
    {
        Example[] examples = [.. Enumerable.Range(0, batchSize).Select(row => Draw(((long)step * batchSize) + row))];
        int length = examples.Max(example => example.Length);
        return new TrainingBatch(
            [.. examples.Select(example => (int[])[.. example.Prompt, .. example.Answer, .. Enumerable.Repeat(_tokenizer.EndOfTextId, length - example.Length)])],
            [.. examples.Select(example => example.Prompt.Length)],
            [.. examples.Select(example => _options.LearnsPadding ? length : example.Length)]);
    }

    /// <summary>Every answer of every line that is used, in the order of the file.</summary>
    public IEnumerable<AnsweredPrompt> Answers() => _used.SelectMany(line => ExampleFormat.Read(_lines.Read(line)).Select((pair, index) =>
    {
        var example = Fit(Encode(pair));
        return new AnsweredPrompt(index + 1, example.Prompt, example.Answer);
    }));

    public void Dispose() => _lines.Dispose();

    private Example Draw(long row)
    {
        var (epoch, line) = _order.At(row);
        var pairs = ExampleFormat.Read(_lines.Read(_used[line]));
        var pair = pairs[(int)_random.Below((ulong)pairs.Count, (uint)epoch, (ulong)line, RandomStream.DialoguePair)];
        return Fit(Encode(pair));
    }

    private void Check(string path)
    {
        List<string> faults = [];
        for (int line = 0; line < _lines.Count && faults.Count < MaxFaults; line++)
        {
            try
            {
                Example[] examples = [.. ExampleFormat.Read(_lines.Read(line)).Select(Encode)];
                if (_options.LongExamples == LongExamples.Skip && Array.Exists(examples, example => example.Length > _options.MaxLength))
                    continue;
                MaxLength = Math.Max(MaxLength, examples.Max(example => Fit(example).Length));
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

    private Example Encode(ExampleText text)
    {
        if (text.History is not { } history)
            return new Example([_tokenizer.BeginningOfTextId, .. _tokenizer.Encode(text.Prompt)], [.. _tokenizer.Encode(text.Answer), _tokenizer.EndOfTextId]);
        int[] prompt = [.. ChatTemplate.Encode(_tokenizer, history)];
        return new Example(prompt, [.. _tokenizer.Encode(text.Answer.Trim()), _tokenizer.EndOfTurnId!.Value, _tokenizer.EndOfTextId]);
    }

    private Example Fit(Example example)
    {
        if (example.Length <= _options.MaxLength)
            return example;
        int room = _options.MaxLength - example.Prompt.Length;
        return _options.LongExamples == LongExamples.Truncate && room > 0
            ? example with { Answer = example.Answer[..room] }
            : throw new FormatException($"{example.Prompt.Length} tokens of prompt and {example.Answer.Length} of answer do not fit {_options.MaxLength}");
    }

    private sealed record Example(int[] Prompt, int[] Answer)
    {
        public int Length => Prompt.Length + Answer.Length;
    }
}
