using LLaDA.Diffusion.Data.Examples;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>Pairs of answers, of which one is preferred.</summary>
/// <remarks>
/// A batch has two rows of each pair, the preferred answer first. Answers end with one end of text, and no token attends to padding.
/// </remarks>
public sealed class PreferenceData : ExampleData
{
    /// <param name="options">
    /// Long pairs are skipped or fail: an answer without its end would be judged for what it does not say.
    /// </param>
    /// <exception cref="TrainingDataException">Lines are wrong or too long, or there are none.</exception>
    /// <exception cref="ArgumentException">Long pairs are to be cut.</exception>
    public PreferenceData(string path, LLaDATokenizer tokenizer, FineTuningOptions options)
        : base(path, tokenizer, options.Whole("Preferences"), line => Rows(line, tokenizer), "preferences, ")
    {
    }

    public override TrainingBatch Batch(int step, int batchSize) =>
        Pad([.. Draw(step, batchSize).SelectMany(drawn => Rows(Read(drawn.Line), Tokenizer))]);

    /// <returns>The preferred answer and the other one.</returns>
    private static ExampleRow[] Rows(byte[] line, LLaDATokenizer tokenizer)
    {
        var example = ExampleReader.ReadPreference(line);
        ExampleRow Row(string answer) => ExampleRow.Of(tokenizer, new TrainingExample(example.History, "", answer));
        var (chosen, rejected) = (Row(example.Chosen), Row(example.Rejected));
        return chosen.Answer.AsSpan().SequenceEqual(rejected.Answer)
            ? throw new FormatException("preferred_output and non_preferred_output are the same tokens")
            : [chosen with { AnswerName = "its preferred_output of" }, rejected with { AnswerName = "its non_preferred_output of" }];
    }
}
