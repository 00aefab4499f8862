using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Benchmarks.Reversal;

/// <summary>
/// Questions answered by denoising: as many masks as the answer and its end have tokens, one token a step, the most confident first,
/// temperature 0.
/// </summary>
internal sealed class DiffusionAnswers(MaskPredictor model)
{
    private const int BatchSize = 500;

    public IEnumerable<(string Asked, string Decoding, Proportion Right)> Table(People people)
    {
        yield return ("trained facts, as trained", "low confidence, 4 steps", Right(people.Facts.Select(People.Forward).Select(Behind)));
        yield return ("trained facts, reversed", "low confidence, 3 steps", Right(people.Facts.Select(People.Backward).Select(Behind)));
        yield return ("trained facts, name as a gap of the trained order", "low confidence, 2 steps", Right(people.Facts.Select(NameGap)));
        yield return ("taught in both orders, name first", "low confidence, 4 steps",
            Right(people.Taught.Select(People.Forward).Select(Behind)));
        yield return ("taught in both orders, description first", "low confidence, 3 steps",
            Right(people.Taught.Select(People.Backward).Select(Behind)));
    }

    private static (int[] Canvas, int[] Text) Behind(Question question) =>
        ([.. question.Prompt, .. question.Answer.Select(_ => People.Mask)], [.. question.Prompt, .. question.Answer]);

    /// <summary>The sentence as it was trained, its name masked.</summary>
    private static (int[] Canvas, int[] Text) NameGap(Person person)
    {
        var question = People.Forward(person);
        int[] text = [.. question.Prompt, .. question.Answer];
        return ([.. text.Select(token => person.Name.Contains(token) ? People.Mask : token)], text);
    }

    private Proportion Right(IEnumerable<(int[] Canvas, int[] Text)> rows)
    {
        using var sampler = new Sampler(model);
        return Proportion.Of(rows.Chunk(BatchSize).SelectMany(chunk =>
            sampler.Sample([.. chunk.Select(row => new SamplingRow(row.Canvas, new SamplingOptions()))])
                .Zip(chunk, (sampled, row) => sampled.Tokens.SequenceEqual(row.Text))));
    }
}
