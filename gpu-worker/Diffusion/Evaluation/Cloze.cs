using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>How often the most probable token is the one that was masked, at a certain share of masks, all predicted in one pass.</summary>
public static class Cloze
{
    /// <summary>Masks in each document round(ratio * n) of its n tokens behind the first, at least one, drawn from the seed.</summary>
    /// <param name="ratio">In (0, 1].</param>
    /// <returns>Over all masked tokens; those of a document are not independent, so the interval is somewhat too narrow.</returns>
    public static Proportion Accuracy(MaskPredictor model, IReadOnlyList<HeldOutDocument> documents, double ratio, ulong seed)
    {
        if (ratio is not (> 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(ratio), ratio, "A share of masks lies in (0, 1]");
        var random = new CounterRandom(seed);
        return Proportion.Of(documents.Index().SelectMany(document => Outcomes(model, document.Item.Tokens, Masked(document.Index, document.Item.Tokens.Length - 1))).ToList());

        int[] Masked(int document, int count) =>
            [.. Enumerable.Range(1, count).OrderBy(position => random.Uniform((uint)document, (ulong)position, RandomStream.ClozeMask)).Take(Math.Max(1, (int)Math.Round(ratio * count)))];
    }

    private static bool[] Outcomes(MaskPredictor model, int[] tokens, int[] masked)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        long[] canvas = [.. tokens.Select(token => (long)token)];
        foreach (int position in masked)
            canvas[position] = model.Config.MaskTokenId;
        var places = tensor([.. masked.Select(position => (long)position)], device: model.Device);
        var logits = model.Logits(model.Hidden(tensor(canvas, [1, canvas.Length], device: model.Device)).squeeze(0).index_select(0, places));
        long[] best = [.. logits.argmax(-1).cpu().data<long>()];
        return [.. best.Zip(masked, (token, position) => token == tokens[position])];
    }
}
