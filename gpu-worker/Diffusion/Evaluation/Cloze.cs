using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>The share of masked tokens that the model predicts exactly, all in one pass, at a given share of masks.</summary>
public static class Cloze
{
    /// <summary>Masks round(ratio * n) of the n tokens behind the first of each document, at least one, drawn from the seed.</summary>
    /// <param name="ratio">In (0, 1].</param>
    /// <returns>Over all masked tokens; those of a document are not independent, so the interval is somewhat too narrow.</returns>
    public static Proportion Accuracy(MaskPredictor model, IReadOnlyList<HeldOutDocument> documents, double ratio, ulong seed)
    {
        if (ratio is not (> 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(ratio), ratio, "A share of masks lies in (0, 1]");
        var random = new CounterRandom(seed);
        List<bool> outcomes = [];
        foreach (var (index, document) in documents.Index())
        {
            int count = document.Tokens.Length - 1;
            var order = Enumerable.Range(1, count)
                .OrderBy(position => random.Uniform((uint)index, (ulong)position, RandomStream.ClozeMask));
            outcomes.AddRange(Outcomes(model, document.Tokens, [.. order.Take(Math.Max(1, (int)Math.Round(ratio * count)))]));
        }
        return Proportion.Of(outcomes);
    }

    private static bool[] Outcomes(MaskPredictor model, int[] tokens, int[] masked)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var config = model.Config;
        int start = config.NumVirtualTokens;
        long[] canvas = [.. config.VirtualTokens.Concat(tokens).Select(token => (long)token)];
        foreach (int position in masked)
            canvas[start + position] = config.MaskTokenId;
        var places = tensor([.. masked.Select(position => (long)config.PlaceOf(start + position))], device: model.Device);
        var hidden = model.Hidden(tensor(canvas, [1, canvas.Length], device: model.Device)).squeeze(0);
        var logits = model.Logits(hidden.index_select(0, places));
        long[] best = [.. logits.argmax(-1).cpu().data<long>()];
        return [.. best.Zip(masked, (token, position) => token == tokens[position])];
    }
}
