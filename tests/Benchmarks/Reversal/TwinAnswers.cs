using LLaDA.Diffusion.Autoregression;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;

namespace LLaDA.Batch.Benchmarks.Reversal;

/// <summary>Questions answered by the autoregressive twin: greedily, and by ranking the right name among others.</summary>
internal sealed class TwinAnswers(MaskPredictor model, int seed)
{
    private const int BatchSize = 500, NumCandidates = 100, NumRanked = 500;

    private readonly CausalDecoder _decoder = new(model);
    private readonly CausalLikelihood _likelihood = new(model, maxTokens: 8192);

    public IEnumerable<(string Asked, string Decoding, Proportion Right)> Table(People people)
    {
        yield return ("trained facts, as trained", "greedy", Greedy(people.Facts.Select(People.Forward)));
        yield return ("trained facts, reversed", "greedy", Greedy(people.Facts.Select(People.Backward)));
        yield return ("trained facts, reversed", $"best of {NumCandidates} names by p(name after the question)",
            Ranked(people, (asked, candidate) => People.Backward(asked with { Name = candidate.Name })));
        yield return ("trained facts, reversed", $"best of {NumCandidates} names by p(description after the name), the trained order",
            Ranked(people, (asked, candidate) => People.Forward(asked with { Name = candidate.Name })));
        yield return ("taught in both orders, name first", "greedy", Greedy(people.Taught.Select(People.Forward)));
        yield return ("taught in both orders, description first", "greedy", Greedy(people.Taught.Select(People.Backward)));
    }

    private Proportion Greedy(IEnumerable<Question> questions) => Proportion.Of(questions.Chunk(BatchSize).SelectMany(chunk =>
        _decoder.Complete([.. chunk.Select(question => question.Prompt)], new() { MaxTokens = chunk[0].Answer.Length })
            .Zip(chunk, (answer, question) => answer.SequenceEqual(question.Answer))));

    /// <summary>Candidates are the right person and others of the trained facts, drawn from the seed.</summary>
    private Proportion Ranked(People people, Func<Person, Person, Question> scored)
    {
        var random = new Random(seed);
        return Proportion.Of(people.Facts.Take(NumRanked).Select(asked =>
        {
            Person[] others = [.. people.Facts.Where(other => other != asked)];
            random.Shuffle(others);
            Person[] candidates = [asked, .. others.Take(NumCandidates - 1)];
            double[] scores = _likelihood.LogLikelihoods(
                [.. candidates.Select(candidate => scored(asked, candidate))
                .Select(question => ((IReadOnlyList<int>)question.Prompt, (IReadOnlyList<int>)question.Answer))]);
            return scores.Skip(1).All(score => score < scores[0]);
        }).ToList());
    }
}
