using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>How a likelihood is estimated.</summary>
public sealed record LikelihoodOptions
{
    public const int MaxSamples = 65_536;
    public const double MaxCfgScale = 100;

    /// <summary>Mask patterns to average over, 1 to <see cref="MaxSamples"/>. One is exact for an answer of one token.</summary>
    public int NumSamples { get; init; } = 128;

    /// <summary>Strength w of unsupervised guidance, 0 to <see cref="MaxCfgScale"/>: logits = u + (w + 1)(c - u), u being the prediction with the prompt masked.</summary>
    public double CfgScale { get; init; }

    /// <summary>Answers of equal length are judged under the same patterns if they share a seed.</summary>
    public ulong Seed { get; init; }

    /// <summary>Every mistake, as a parameter's name and a sentence.</summary>
    public IEnumerable<(string Parameter, string Sentence)> Validate()
    {
        if (NumSamples is < 1 or > MaxSamples)
            yield return ("num_samples", $"num_samples is {NumSamples}; it must lie in [1, {MaxSamples}]");
        if (CfgScale is not (>= 0 and <= MaxCfgScale))
            yield return ("cfg_scale", $"cfg_scale is {CfgScale}; it must lie in [0, {MaxCfgScale}]");
    }
}

/// <summary>
/// Estimates the bound on log p(answer | prompt) (LLaDA, Equation 6): -E[(l / k) * cross entropy of k masked tokens], k uniform over 1 to the answer's length l.
/// </summary>
/// <remarks>
/// Exactly k tokens are masked, and the samples' k are spread evenly over 1 to l: both take variance out. Patterns are a pure function of seed, sample and
/// answer length. Used on the thread of the model.
/// </remarks>
/// <param name="maxTokens">Tokens of a forward pass, guided halves included; a longer row passes alone.</param>
public sealed class LikelihoodEstimator(MaskPredictor model, int maxTokens)
{
    private const uint CountPurpose = 31, PatternPurpose = 32;

    private readonly MaskPredictor _model = model.Config.IsCausal ? throw new ArgumentException("The likelihood of an autoregressive twin is exact: see CausalLikelihood", nameof(model)) : model;

    /// <returns>In nats; its expectation is at most log p(answer | prompt).</returns>
    public double LogLikelihood(IReadOnlyList<int> prompt, IReadOnlyList<int> answer, LikelihoodOptions options) => Passes(prompt, answer, options).Sum();

    /// <summary>The estimate as a sum with one term per forward pass, each computed when it is asked for.</summary>
    /// <exception cref="ArgumentException">The options are out of range, the answer is empty, or both together are longer than the model's context.</exception>
    public IEnumerable<double> Passes(IReadOnlyList<int> prompt, IReadOnlyList<int> answer, LikelihoodOptions options)
    {
        if (options.Validate().FirstOrDefault() is { Sentence: { } sentence })
            throw new ArgumentException(sentence, nameof(options));
        if (answer.Count == 0)
            throw new ArgumentException("An answer has at least one token", nameof(answer));
        if (prompt.Count + answer.Count > _model.Config.MaxSequenceLength)
            throw new ArgumentException($"{prompt.Count + answer.Count} tokens do not fit the model's {_model.Config.MaxSequenceLength}", nameof(answer));

        int length = (prompt.Count + answer.Count) * (options.CfgScale > 0 ? 2 : 1);
        return Patterns(answer.Count, options).Chunk(Math.Max(1, maxTokens / length)).Select(patterns =>
            patterns.Zip(CrossEntropies(prompt, answer, patterns, options.CfgScale), (pattern, sum) => -sum * answer.Count / pattern.Count(isMasked => isMasked)).Sum() / options.NumSamples);
    }

    /// <summary>Sum of the cross entropies of the masked tokens, in nats, for each pattern.</summary>
    /// <param name="patterns">Of the answer's tokens, true where masked; at least one in each.</param>
    public double[] CrossEntropies(IReadOnlyList<int> prompt, IReadOnlyList<int> answer, IReadOnlyList<bool[]> patterns, double cfgScale = 0)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        int length = prompt.Count + answer.Count;
        long[] tokens = [.. patterns.SelectMany(pattern => prompt.Concat(answer.Zip(pattern, (token, isMasked) => isMasked ? _model.Config.MaskTokenId : token)).Select(token => (long)token))];
        (int Row, int Token)[] masked = [.. patterns.Index().SelectMany(entry => Enumerable.Range(0, answer.Count).Where(token => entry.Item[token]).Select(token => (entry.Index, token)))];
        var places = tensor([.. masked.Select(entry => ((long)entry.Row * length) + prompt.Count + entry.Token)], device: _model.Device);

        Tensor Logits(long[] canvas) =>
            _model.Logits(_model.Hidden(tensor(canvas, [patterns.Count, length], device: _model.Device)).flatten(0, 1).index_select(0, places));   // [N, V']
        var logits = Logits(tokens);
        if (cfgScale > 0)
        {
            var unconditional = Logits([.. tokens.Select((token, index) => index % length < prompt.Count ? _model.Config.MaskTokenId : token)]);
            logits = unconditional.Plus(tensor((float)(cfgScale + 1), device: _model.Device) * (logits - unconditional));
        }
        var truth = tensor([.. masked.Select(entry => (long)answer[entry.Token])], device: _model.Device);
        float[] crossEntropies = [.. nn.functional.cross_entropy(logits, truth, reduction: nn.Reduction.None).cpu().data<float>()];

        double[] sums = new double[patterns.Count];
        foreach (var (index, (row, _)) in masked.Index())
            sums[row] += crossEntropies[index];
        return sums;
    }

    /// <summary>Each sample's number of masks, and which.</summary>
    private static IEnumerable<bool[]> Patterns(int length, LikelihoodOptions options)
    {
        var random = new CounterRandom(options.Seed);
        double start = random.Uniform(0, (ulong)length, CountPurpose);
        for (int sample = 0; sample < options.NumSamples; sample++)
        {
            int numMasked = 1 + (int)(length * ((start + ((double)sample / options.NumSamples)) % 1));
            var order = Enumerable.Range(0, length).OrderBy(token => random.Uniform((uint)sample, (ulong)token, PatternPurpose));
            bool[] pattern = new bool[length];
            foreach (int token in order.Take(numMasked))
                pattern[token] = true;
            yield return pattern;
        }
    }
}
