using LLaDA.Diffusion.Data.Examples;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>Prompts with their answers.</summary>
/// <remarks>Of a dialogue with several answers each epoch draws one (LLaDA, Section 2.3).</remarks>
public sealed class FineTuningData : ExampleData
{
    /// <exception cref="TrainingDataException">Lines are wrong or too long, or there are none.</exception>
    public FineTuningData(string path, LLaDATokenizer tokenizer, FineTuningOptions options)
        : base(path, tokenizer, options, line => Rows(line, tokenizer))
    {
    }

    public override TrainingBatch Batch(int step, int batchSize) => Pad([.. Draw(step, batchSize).Select(drawn =>
    {
        var examples = ExampleReader.ReadSupervised(Read(drawn.Line));
        ulong turn = Random.Below((ulong)examples.Count, (uint)drawn.Epoch, (ulong)drawn.Line, RandomStream.DialoguePair);
        return Fit(ExampleRow.Of(Tokenizer, examples[(int)turn]));
    })]);

    /// <summary>Every answer of every line that is used, in the order of the file.</summary>
    public IEnumerable<AnsweredPrompt> Answers() => Enumerable.Range(0, NumRows).SelectMany(line =>
        Rows(Read(line), Tokenizer).Select(Fit).Select((row, index) => new AnsweredPrompt(index + 1, row.Prompt, row.Answer)));

    private static IEnumerable<ExampleRow> Rows(byte[] line, LLaDATokenizer tokenizer) =>
        ExampleReader.ReadSupervised(line).Select(example => ExampleRow.Of(tokenizer, example));
}
