using LLaDA.Diffusion.Autoregression;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Benchmarks.InContext;

/// <summary>The share of questions answered rightly, by the number of pairs shown. Answers are the most probable token.</summary>
internal sealed class ContextAnswers(ContextTask task, int numQuestions, int seed)
{
    private const int BatchSize = 250;

    /// <summary>Asked of the diffusion model: whatever is neither shown nor asked about is masked, as in training.</summary>
    /// <param name="isFirst">Whether the question is the first pair, and what is shown stands behind it.</param>
    public IEnumerable<(int Shots, Proportion Right)> Of(MaskPredictor model, bool isFirst)
    {
        foreach (int numShots in task.Shots)
        {
            using var sampler = new Sampler(model);
            var right = Questions(numShots).Chunk(BatchSize).SelectMany(chunk =>
            {
                SamplingRow[] rows = [.. chunk.Select(question => Masked(question, isFirst))];
                return sampler.Sample(rows).Zip(chunk, (sampled, question) =>
                    sampled.Tokens[ValuePlace(isFirst ? 0 : numShots)] == question.Asked.Value);
            });
            yield return (numShots, Proportion.Of(right));
        }
    }

    /// <summary>Asked of the autoregressive twin, which reads what is shown and then the key.</summary>
    public IEnumerable<(int Shots, Proportion Right)> OfTwin(MaskPredictor model)
    {
        var decoder = new CausalDecoder(model);
        foreach (int numShots in task.Shots)
        {
            var right = Questions(numShots).Chunk(BatchSize).SelectMany(chunk => decoder
                .Complete(
                    [.. chunk.Select(question => (int[])[.. ContextTask.Row(question.Shown), question.Asked.Key])], new() { MaxTokens = 1 })
                .Zip(chunk, (answer, question) => answer.SequenceEqual([question.Asked.Value])));
            yield return (numShots, Proportion.Of(right));
        }
    }

    /// <summary>The same questions for every model.</summary>
    private (Pair[] Shown, Pair Asked)[] Questions(int numShots)
    {
        var random = new Random(HashCode(numShots));
        return [.. Enumerable.Range(0, numQuestions).Select(_ => task.Question(numShots, random))];
    }

    private int HashCode(int numShots) => (1_000 * seed) + numShots;

    /// <summary>One pass decides the asked value alone: the other masks stay out of it.</summary>
    private static SamplingRow Masked((Pair[] Shown, Pair Asked) question, bool isFirst)
    {
        var masked = new Pair(ContextTask.Mask, ContextTask.Mask);
        var asked = question.Asked with { Value = ContextTask.Mask };
        Pair[] pairs = isFirst ? [asked, .. question.Shown] : [.. question.Shown, asked];
        int[] canvas = ContextTask.Row(pairs.Concat(Enumerable.Repeat(masked, ContextTask.NumPairs - pairs.Length)));
        return new SamplingRow(canvas, new SamplingOptions(), [ValuePlace(isFirst ? 0 : question.Shown.Length)]);
    }

    private static int ValuePlace(int pair) => 2 + (2 * pair);
}
