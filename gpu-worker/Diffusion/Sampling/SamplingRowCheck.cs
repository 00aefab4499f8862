using System.Collections.ObjectModel;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Sampling;

/// <summary>Refuses a row that a model cannot sample: it would fail the pass of all rows, and on a card the process.</summary>
internal static class SamplingRowCheck
{
    /// <exception cref="ArgumentException">
    /// An option is out of range or not one of the model, the canvas does not fit it, a target is not masked, or an id is not a token.
    /// </exception>
    public static void Require(SamplingRow row, LLaDAConfig config)
    {
        if (row.Options.Validate().Concat(FamilySampling.Errors(row.Options, config)).FirstOrDefault() is { } error)
            throw new ArgumentException(error.Sentence, nameof(row));
        if (row.NumTop is < 0 or > TokenLogProbabilities.MaxTop)
            throw new ArgumentException($"NumTop is {row.NumTop}; it must lie in [0, {TokenLogProbabilities.MaxTop}]", nameof(row));
        if (row.Canvas.Count == 0 || row.Canvas.Count > config.ContextLength)
        {
            throw new ArgumentException(
                $"A canvas of {row.Canvas.Count} tokens does not fit; the model takes 1 to {config.ContextLength}", nameof(row));
        }
        int[] targets = Targets(row, config);
        RequireTargets(row, targets, config);
        RequireTokens(row, targets, config);
    }

    /// <summary>The positions to fill: those that the row names, or all masked ones.</summary>
    public static int[] Targets(SamplingRow row, LLaDAConfig config) =>
        [.. row.Targets ?? [.. row.Canvas.Index().Where(entry => entry.Item == config.MaskTokenId).Select(entry => entry.Index)]];

    private static void RequireTargets(SamplingRow row, int[] targets, LLaDAConfig config)
    {
        for (int index = 0; index < targets.Length; index++)
        {
            int target = targets[index];
            bool isAscending = index == 0 || target > targets[index - 1];
            if (!isAscending || target < 0 || target >= row.Canvas.Count || row.Canvas[target] != config.MaskTokenId)
            {
                throw new ArgumentException(
                    $"Target {index} of the row is position {target}: targets must be masked positions, ascending", nameof(row));
            }
        }
    }

    private static void RequireTokens(SamplingRow row, int[] targets, LLaDAConfig config)
    {
        int size = config.EmbeddingSize;
        foreach (var (position, token) in row.Canvas.Index())
        {
            if (token < 0 || token >= size)
            {
                throw new ArgumentException(
                    $"Position {position} of the canvas holds the id {token}; ids must lie in [0, {size})", nameof(row));
            }
        }
        IEnumerable<TokenSet?> forbidden = [row.Options.Forbidden, .. row.ForbiddenAt?.Values ?? []];
        if (!forbidden.All(tokens => tokens?.LiesBelow(size) ?? true))
            throw new ArgumentException($"A forbidden id is not a token: ids must lie in [0, {size})", nameof(row));
        foreach (var (position, token) in row.ForcedTokens ?? ReadOnlyDictionary<int, int>.Empty)
        {
            bool isTarget = Array.BinarySearch(targets, position) >= 0;
            if (!isTarget || token < 0 || token >= size || token == config.MaskTokenId)
            {
                throw new ArgumentException(
                    $"Position {position} is forced to be {token}; only a target can be, and only a token in [0, {size}) but [MASK]",
                        nameof(row));
            }
        }
    }
}
