using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>
/// Estimates the bound on log p(answer | prompt) (LLaDA, Equation 6): -E[(l / k) * cross entropy of k masked tokens], k uniform over 1 to
/// the
/// answer's length l.
/// </summary>
/// <remarks>
/// Exactly k tokens are masked, and the samples' k are spread evenly over 1 to l: both reduce the variance. Patterns are a pure function of
/// seed, sample and answer length. Used on the thread of the model.
/// </remarks>
public sealed class LikelihoodEstimator
{
    private readonly MaskPredictor _model;
    private readonly int _maxTokens;

    /// <param name="model">Not causal.</param>
    /// <param name="maxTokens">Tokens of a forward pass, guided halves included; a longer row passes alone.</param>
    public LikelihoodEstimator(MaskPredictor model, int maxTokens)
    {
        if (model.Config.IsCausal)
            throw new ArgumentException("The likelihood of an autoregressive twin is exact: see CausalLikelihood", nameof(model));
        (_model, _maxTokens) = (model, maxTokens);
    }

    /// <returns>In nats; its expectation is at most log p(answer | prompt).</returns>
    public double LogLikelihood(IReadOnlyList<int> prompt, IReadOnlyList<int> answer, LikelihoodOptions options) =>
        Terms(prompt, answer, options).Sum();

    /// <summary>The terms of the estimate, whose sum it is: one for each forward pass, computed when it is enumerated.</summary>
    /// <exception cref="ArgumentException">
    /// The options are out of range, the answer is empty, or both together are longer than the model's context.
    /// </exception>
    public IEnumerable<double> Terms(IReadOnlyList<int> prompt, IReadOnlyList<int> answer, LikelihoodOptions options) =>
        Passes(prompt, answer, options).Select(pass => pass.Term);

    /// <summary>The same from a sample on, with the samples of each pass.</summary>
    /// <param name="firstSample">Samples before it are left out, 0 or more.</param>
    /// <exception cref="ArgumentException">As for <see cref="Terms"/>.</exception>
    public IEnumerable<LikelihoodPass> Passes(
        IReadOnlyList<int> prompt, IReadOnlyList<int> answer, LikelihoodOptions options, int firstSample = 0)
    {
        if (options.Validate().FirstOrDefault() is { } error)
            throw new ArgumentException(error.Sentence, nameof(options));
        if (answer.Count == 0)
            throw new ArgumentException("An answer has at least one token", nameof(answer));
        int length = prompt.Count + answer.Count;
        if (length > _model.Config.MaxSequenceLength)
            throw new ArgumentException($"{length} tokens do not fit the model's {_model.Config.MaxSequenceLength}", nameof(answer));

        return Computed(Math.Max(1, _maxTokens / (length * (options.CfgScale > 0 ? 2 : 1))));

        IEnumerable<LikelihoodPass> Computed(int patternsOfPass)
        {
            foreach (bool[][] patterns in Patterns(answer.Count, options, firstSample).Chunk(patternsOfPass))
            {
                double[] sums = CrossEntropies(prompt, answer, patterns, options.CfgScale);
                double term = 0;
                for (int index = 0; index < patterns.Length; index++)
                    term += -sums[index] * answer.Count / patterns[index].Count(isMasked => isMasked);
                yield return new LikelihoodPass(term / options.NumSamples, patterns.Length);
            }
        }
    }

    /// <summary>Sum of the cross entropies of the masked tokens, in nats, for each pattern.</summary>
    /// <param name="patterns">Of the answer's tokens, true where masked; at least one in each.</param>
    public double[] CrossEntropies(
        IReadOnlyList<int> prompt, IReadOnlyList<int> answer, IReadOnlyList<bool[]> patterns, double cfgScale = 0)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        int length = prompt.Count + answer.Count;
        List<long> tokens = [], places = [], masked = [];
        List<int> rows = [];
        foreach (var (row, pattern) in patterns.Index())
        {
            foreach (int token in prompt)
                tokens.Add(token);
            for (int index = 0; index < answer.Count; index++)
            {
                if (pattern[index])
                {
                    places.Add(tokens.Count);
                    masked.Add(answer[index]);
                    rows.Add(row);
                }
                tokens.Add(pattern[index] ? _model.Config.MaskTokenId : answer[index]);
            }
        }

        var losses = nn.functional.cross_entropy(Logits(), Upload(masked), reduction: nn.Reduction.None);       // [N]
        float[] crossEntropies = [.. losses.cpu().data<float>()];
        double[] sums = new double[patterns.Count];
        for (int index = 0; index < crossEntropies.Length; index++)
            sums[rows[index]] += crossEntropies[index];
        return sums;

        Tensor Logits()
        {
            var conditional = LogitsOf(tokens);
            if (!(cfgScale > 0))
                return conditional;
            long mask = _model.Config.MaskTokenId;
            var unconditional = LogitsOf([.. tokens.Select((token, index) => index % length < prompt.Count ? mask : token)]);
            return unconditional.Add(tensor((float)(cfgScale + 1), device: _model.Device) * (conditional - unconditional));
        }

        Tensor LogitsOf(List<long> canvases)
        {
            var hidden = _model.Hidden(Upload(canvases).view(patterns.Count, length));
            return _model.Logits(hidden.flatten(0, 1).index_select(0, Upload(places)));                         // [N, V']
        }

        Tensor Upload(List<long> values) => tensor([.. values], device: _model.Device);
    }

    /// <summary>The masked tokens of each sample.</summary>
    private static IEnumerable<bool[]> Patterns(int length, LikelihoodOptions options, int firstSample)
    {
        var random = new CounterRandom(options.Seed);
        double start = random.Uniform(0, (ulong)length, RandomStream.MaskCount);
        for (int sample = firstSample; sample < options.NumSamples; sample++)
        {
            int numMasked = 1 + (int)(length * ((start + ((double)sample / options.NumSamples)) % 1));
            var order = Enumerable.Range(0, length).OrderBy(token => random.Uniform((uint)sample, (ulong)token, RandomStream.AnswerMask));
            bool[] pattern = new bool[length];
            foreach (int token in order.Take(numMasked))
                pattern[token] = true;
            yield return pattern;
        }
    }
}

/// <summary>What one forward pass adds to an estimate.</summary>
/// <param name="Term">In nats.</param>
/// <param name="NumSamples">Mask patterns of the pass.</param>
public readonly record struct LikelihoodPass(double Term, int NumSamples);
