using System.Text;
using LLaDA.Diffusion.Data.Examples;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>
/// Prompts of a JSON Lines file, one a line (<see cref="ExampleReader"/>), which a model answers itself. All lines are checked when it is
/// opened; they become tokens when their step comes. Every epoch visits each line once.
/// </summary>
/// <remarks>A batch has a row of each prompt with its line, and nothing to learn.</remarks>
public sealed class PromptData : ITrainingData, IDisposable
{
    private const int MaxFaults = 20;
    private readonly LLaDATokenizer _tokenizer;
    private readonly FineTuningOptions _options;
    private readonly int _answerTokens;
    private readonly LineIndex _lines;
    private readonly List<int> _used = [];
    private readonly EpochOrder _order;

    /// <param name="options">Long prompts are skipped or fail: without its end a question is another one.</param>
    /// <param name="answerTokens">Room that each prompt leaves for an answer within <see cref="FineTuningOptions.MaxLength"/>.</param>
    /// <exception cref="TrainingDataException">Lines are wrong or too long, or there are none.</exception>
    /// <exception cref="ArgumentException">Long prompts are to be cut.</exception>
    public PromptData(string path, LLaDATokenizer tokenizer, FineTuningOptions options, int answerTokens)
    {
        if (options.LongExamples == LongExamples.Cut)
            throw new ArgumentException("Prompts are not cut: they are skipped or fail", nameof(options));
        (_tokenizer, _options, _answerTokens) = (tokenizer, options with { LearnsPadding = false }, answerTokens);
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
        Fingerprint = $"{_lines.Hash:x16}, prompts for {answerTokens} tokens, {_options.Fingerprint}";
    }

    /// <summary>Prompts of an epoch.</summary>
    public int NumRows => _used.Count;

    public int MaxLength { get; private set; }

    /// <summary>Tokens that a prompt with an answer may have.</summary>
    public int ContextLength => _options.MaxLength;

    /// <summary>Lines left out because their prompt leaves too little room for an answer.</summary>
    public int NumSkipped => _lines.Count - _used.Count;

    public string Fingerprint { get; }

    /// <summary>The lines that are used, in the order of the file.</summary>
    public IEnumerable<DataLine> Lines => _used.Select(Line);

    /// <param name="batchSize">Prompts.</param>
    public TrainingBatch Batch(int step, int batchSize)
    {
        int[] lines = [.. Enumerable.Range(0, batchSize).Select(row => _used[_order.At(((long)step * batchSize) + row).Row])];
        int[][] prompts = [.. lines.Select(Encode)];
        int length = prompts.Max(prompt => prompt.Length);
        int[] lengths = [.. prompts.Select(prompt => prompt.Length)];
        return new TrainingBatch(
            [.. prompts.Select(prompt => (int[])[.. prompt, .. Enumerable.Repeat(_tokenizer.EndOfTextId, length - prompt.Length)])],
            lengths,
            lengths)
        {
            Lines = [.. lines.Select(Line)],
        };
    }

    public void Dispose() => _lines.Dispose();

    private DataLine Line(int line) => new(_lines.Number(line), Encoding.UTF8.GetString(_lines.Read(line)).TrimStart('\uFEFF'));

    private int[] Encode(int line)
    {
        var example = ExampleReader.ReadPrompt(_lines.Read(line));
        return example.History is { } history
            ? [.. ChatTemplate.Encode(_tokenizer, history.Select(message => new ChatMessage(message.Role, message.Content)))]
            : [.. _tokenizer.BeginningOfText, .. _tokenizer.Encode(example.Prompt)];
    }

    private void Check(string path)
    {
        List<string> faults = [];
        for (int line = 0; line < _lines.Count && faults.Count < MaxFaults; line++)
        {
            try
            {
                int length = Encode(line).Length + _answerTokens;
                if (length <= _options.MaxLength)
                {
                    MaxLength = Math.Max(MaxLength, length);
                    _used.Add(line);
                }
                else if (_options.LongExamples == LongExamples.Fail)
                {
                    throw new FormatException($"its prompt of {length - _answerTokens} tokens and an answer of up to {_answerTokens} "
                        + $"do not fit a context of {_options.MaxLength}");
                }
            }
            catch (Exception fault) when (fault is FormatException or NotSupportedException)
            {
                faults.Add($"line {_lines.Number(line)}: {fault.Message}");
            }
        }
        if (faults.Count == 0 && _used.Count == 0)
        {
            faults.Add(_lines.Count == 0
                ? "no examples"
                : $"all {_lines.Count} prompts leave less than {_answerTokens} of {_options.MaxLength} tokens for an answer");
        }
        if (faults.Count > 0)
            throw new TrainingDataException(path, faults);
    }
}
