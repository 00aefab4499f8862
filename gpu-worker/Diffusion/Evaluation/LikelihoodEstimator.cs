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
/// With a block-causal model this is done for each block of the answer behind the unmasked text before it, and the bounds are added up.
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

    /// <summary>
    /// Tokens that pass in each sample, virtual ones included: a block-causal model gets the blocks of the answer a second time.
    /// </summary>
    public static int TokensOfSample(LLaDAConfig config, int numPromptTokens, int numAnswerTokens)
    {
        numPromptTokens += config.NumVirtualTokens;
        int length = numPromptTokens + numAnswerTokens;
        return config.BlockLength is { } blockLength ? (2 * length) - (numPromptTokens / blockLength * blockLength) : length;
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
        if (length > _model.Config.ContextLength)
            throw new ArgumentException($"{length} tokens do not fit the model's {_model.Config.ContextLength}", nameof(answer));

        var layout = new ScoredRow(_model.Config, prompt, answer);
        return Computed(Math.Max(1, _maxTokens / (layout.Length * (options.CfgScale > 0 ? 2 : 1))));

        IEnumerable<LikelihoodPass> Computed(int patternsOfPass)
        {
            foreach (bool[][] patterns in AnswerMasks.Of(layout.Parts, options.NumSamples, options.Seed, firstSample).Chunk(patternsOfPass))
            {
                double[][] sums = SumsOfParts(layout, answer, patterns, options.CfgScale);
                double term = 0;
                foreach (var (pattern, sumsOfParts) in patterns.Zip(sums))
                {
                    foreach (var (part, sum) in layout.Parts.Zip(sumsOfParts))
                        term += -sum * part.Length / part.Count(token => pattern[token]);
                }
                yield return new LikelihoodPass(term / options.NumSamples, patterns.Length);
            }
        }
    }

    /// <summary>Sum of the cross entropies of the masked tokens, in nats, for each pattern.</summary>
    /// <param name="patterns">Of the answer's tokens, true where masked; at least one in each.</param>
    public double[] CrossEntropies(
        IReadOnlyList<int> prompt, IReadOnlyList<int> answer, IReadOnlyList<bool[]> patterns, double cfgScale = 0) =>
        [.. SumsOfParts(new ScoredRow(_model.Config, prompt, answer), answer, patterns, cfgScale).Select(sums => sums.Sum())];

    /// <returns>By pattern and part of the answer.</returns>
    private double[][] SumsOfParts(ScoredRow layout, IReadOnlyList<int> answer, IReadOnlyList<bool[]> patterns, double cfgScale)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        List<long> places = [], masked = [];
        List<(int Row, int Part)> owners = [];
        foreach (var (row, pattern) in patterns.Index())
        {
            foreach (var (part, token) in layout.Parts.Index().SelectMany(part => part.Item.Select(token => (part.Index, token))))
            {
                if (!pattern[token])
                    continue;
                places.Add(((long)row * layout.Length) + layout.PlaceOf(token));
                masked.Add(answer[token]);
                owners.Add((row, part));
            }
        }

        var conditional = HiddenAtPlaces(masksPrompt: false);
        var unconditional = cfgScale > 0 ? HiddenAtPlaces(masksPrompt: true) : null;
        var answers = Upload(masked);
        Tensor[] losses = [.. HeadPieces.Of(masked.Count, _model.Config).Select(piece => Losses(piece.Start, piece.Count))];
        float[] crossEntropies = [.. cat(losses).cpu().data<float>()];
        double[][] sums = [.. patterns.Select(_ => new double[layout.Parts.Length])];
        foreach (var ((row, part), crossEntropy) in owners.Zip(crossEntropies))
            sums[row][part] += crossEntropy;
        return sums;

        Tensor HiddenAtPlaces(bool masksPrompt)
        {
            var tokens = Upload([.. patterns.SelectMany(pattern => layout.Tokens(pattern, masksPrompt))]);
            return layout.Hidden(_model, tokens, patterns.Count).index_select(0, Upload(places));               // [N, D]
        }

        // Cross-entropies of some of the masked tokens, [n].
        Tensor Losses(int start, int count)
        {
            using var temporaries = NewDisposeScope();
            var logits = _model.Logits(conditional.narrow(0, start, count));                                    // [n, V']
            if (unconditional is not null)
            {
                var without = _model.Logits(unconditional.narrow(0, start, count));
                logits = without.Add(tensor((float)(cfgScale + 1), device: _model.Device) * (logits - without));
            }
            return nn.functional.cross_entropy(logits, answers.narrow(0, start, count), reduction: nn.Reduction.None)
                .MoveToOuterDisposeScope();
        }

        Tensor Upload(List<long> values) => tensor([.. values], device: _model.Device);
    }
}

/// <summary>What one forward pass adds to an estimate.</summary>
/// <param name="Term">In nats.</param>
/// <param name="NumSamples">Mask patterns of the pass.</param>
public readonly record struct LikelihoodPass(double Term, int NumSamples);
