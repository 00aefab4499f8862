using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;

namespace LLaDA.Diffusion.PromptTuning;

/// <summary>How many vectors prompt tuning learns, and where they begin.</summary>
public sealed record PromptTuningOptions : IAdapterOptions
{
    /// <summary>k, at least 1 and at most half of the model's longest canvas: every row has k positions less.</summary>
    public int NumVirtualTokens { get; init; } = 20;

    /// <summary>
    /// The tokens whose embeddings the vectors begin as, over and over until there are k; null for the embeddings of k tokens of the
    /// vocabulary that the seed draws.
    /// </summary>
    public IReadOnlyList<int>? InitialTokens { get; init; }

    /// <summary>The text of <see cref="InitialTokens"/> for the adapter's configuration; null for none.</summary>
    public string? InitialText { get; init; }

    public long Seed { get; init; } = 1;

    /// <summary>The model that the adapter's configuration names; null for none.</summary>
    public string? BaseModel { get; init; }

    public long NumParameters(LLaDAConfig config) => (long)NumVirtualTokens * config.ModelWidth;

    public IAdapter AddTo(MaskPredictor model) => new PromptTuningWeights(model, this);

    /// <summary>Every error of these options for a model, as sentences.</summary>
    internal IEnumerable<string> Validate(LLaDAConfig config)
    {
        if (NumVirtualTokens < 1)
            yield return $"{NumVirtualTokens} virtual tokens were asked for; at least 1 is needed";
        else if (NumVirtualTokens > config.MaxSequenceLength / 2)
            yield return $"{NumVirtualTokens} virtual tokens would take more than half of the model's {config.MaxSequenceLength} positions";
        if (InitialTokens is [])
            yield return "the text that the vectors begin as has no token";
        foreach (int token in (InitialTokens ?? []).Where(token => token < 0 || token >= config.EmbeddingSize).Take(1))
            yield return $"the vectors cannot begin as the id {token}; ids must lie in [0, {config.EmbeddingSize})";
    }

    /// <returns>By vector.</returns>
    internal long[] InitialTokensOf(LLaDAConfig config)
    {
        var random = new CounterRandom((ulong)Seed);
        return [.. Enumerable.Range(0, NumVirtualTokens).Select(index => InitialTokens is { } given
            ? given[index % given.Count]
            : (long)random.Below((ulong)config.VocabularySize, 0, (ulong)index, RandomStream.InitialVector))];
    }
}
