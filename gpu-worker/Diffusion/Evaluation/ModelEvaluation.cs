using LLaDA.Diffusion.Autoregression;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>The measures to take on held-out text.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Mask patterns for the bound of a document, at least 1.</summary>
    public int NumSamples { get; init; } = 32;

    /// <summary>Shares of masked tokens for the cloze accuracy, each in (0, 1].</summary>
    public IReadOnlyList<double> MaskRatios { get; init; } = [0.05, 0.15, 0.3, 0.5, 0.8];

    /// <summary>Tokens of the gaps, each at least 1.</summary>
    public IReadOnlyList<int> GapLengths { get; init; } = [1, 2, 4, 8];

    /// <summary>Texts whose labels are asked for by likelihood; null for none.</summary>
    public LabelledTexts? LabelledTexts { get; init; }

    /// <summary>Shots for each label; numbers that exceed the texts or the context are left out.</summary>
    public IReadOnlyList<int> ShotsOfLabel { get; init; } = [0, 1, 4];

    public ulong Seed { get; init; } = 1;
}

/// <summary>One number with its n, and its 95 % interval.</summary>
/// <param name="Measure">Such as <c>cloze accuracy</c>.</param>
/// <param name="Setting">Such as a share of masks.</param>
/// <param name="Value">Bits, or a share in [0, 1].</param>
public sealed record Evaluated(string Model, string Measure, string Setting, double Value, double Low, double High, int Trials)
{
    public static Evaluated Share(string model, string measure, string setting, Proportion share) =>
        new(model, measure, setting, share.Value, share.Interval.Low, share.Interval.High, share.Trials);
}

/// <summary>Measures a diffusion model on held-out text, and its autoregressive twin on the same documents and gaps.</summary>
/// <param name="forbidden">Tokens that are not text and never fill a gap.</param>
public sealed class ModelEvaluation(IReadOnlyList<HeldOutDocument> documents, TokenSet forbidden, EvaluationOptions options)
{
    private const int PassTokens = 8192;

    public IEnumerable<Evaluated> Diffusion(MaskPredictor model)
    {
        var estimator = new LikelihoodEstimator(model, PassTokens);
        var likelihood = new LikelihoodOptions { NumSamples = options.NumSamples, Seed = options.Seed };
        List<double> likelihoods = [];
        foreach (var (index, document) in documents.Index())
        {
            // Each document has its own patterns: those of equal length would share theirs, and the interval assumes independent documents.
            var ownPatterns = likelihood with { Seed = options.Seed + (ulong)index };
            likelihoods.Add(estimator.LogLikelihood(document.Tokens[..1], document.Tokens[1..], ownPatterns));
        }
        foreach (var row in Bits("diffusion", "bound", TextBits.Of(documents, likelihoods)))
            yield return row;
        foreach (double ratio in options.MaskRatios)
        {
            var accuracy = Cloze.Accuracy(model, documents, ratio, options.Seed);
            yield return Evaluated.Share("diffusion", "cloze accuracy", FormattableString.Invariant($"{100 * ratio} % masked"), accuracy);
        }
        foreach (var (length, tasks) in Gaps())
            yield return Evaluated.Share("diffusion", "gap exact match", $"{length} tokens", GapFilling.Diffusion(model, tasks, forbidden));
        foreach (var row in Labels("diffusion", model, questions => MultipleChoice.Diffusion(model, questions, likelihood, PassTokens)))
            yield return row;
    }

    public IEnumerable<Evaluated> Twin(MaskPredictor model)
    {
        var likelihood = new CausalLikelihood(model, PassTokens);
        AnsweredRow[] rows = [.. documents.Select(document => new AnsweredRow(document.Tokens[..1], document.Tokens[1..]))];
        foreach (var row in Bits("twin", "exact", TextBits.Of(documents, likelihood.LogLikelihoods(rows))))
            yield return row;
        foreach (var (length, tasks) in Gaps())
        {
            var greedy = GapFilling.TwinByPrefix(model, tasks, forbidden);
            yield return Evaluated.Share("twin", "gap exact match", $"{length} tokens, prefix alone, greedy", greedy);
            var reranked = GapFilling.TwinReranked(model, tasks, forbidden, options.Seed);
            yield return Evaluated.Share("twin", "gap exact match", $"{length} tokens, 32 samples reranked by the suffix", reranked);
        }
        foreach (var row in Labels("twin", model, questions => MultipleChoice.Twin(model, questions, PassTokens)))
            yield return row;
    }

    /// <summary>By length for which at least one document is long enough.</summary>
    private IEnumerable<(int Length, IReadOnlyList<GapTask> Tasks)> Gaps()
    {
        foreach (int length in options.GapLengths)
        {
            if (GapTask.Cut(documents, length, options.Seed) is { Count: > 0 } tasks)
                yield return (length, tasks);
        }
    }

    private IEnumerable<Evaluated> Labels(
        string name, MaskPredictor model, Func<IReadOnlyList<ChoiceQuestion>, IReadOnlyList<double[]>> likelihoods)
    {
        if (options.LabelledTexts is not { } texts)
            yield break;
        foreach (int shots in options.ShotsOfLabel.Where(shots => texts.Fits(shots, model.Config.ContextLength)))
        {
            var questions = texts.Questions(shots, options.Seed);
            var values = likelihoods(questions);
            string setting = FormattableString.Invariant($"{shots} shots of each label, chance {texts.Chance:F3}");
            yield return Evaluated.Share(name, "label by likelihood", setting, MultipleChoice.Accuracy(questions, values));
            var calibrated = MultipleChoice.Accuracy(questions, MultipleChoice.Calibrated(values));
            yield return Evaluated.Share(name, "label by likelihood", setting + ", calibrated", calibrated);
        }
    }

    private static Evaluated[] Bits(string model, string kind, TextBits bits)
    {
        return [Row("bits per token", bits.PerToken, bits.HalfWidthPerToken), Row("bits per byte", bits.PerByte, bits.HalfWidthPerByte)];

        Evaluated Row(string measure, double value, double halfWidth) =>
            new(model, measure, kind, value, value - halfWidth, value + halfWidth, bits.NumDocuments);
    }
}
