using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// The Monte Carlo estimate of the likelihood bound (LLaDA, Equation 3): cross entropy of the masked tokens, each weighted by 1 / p_mask.
/// </summary>
public static class DiffusionLoss
{
    /// <summary>Pretraining: summed over masked tokens, divided by all B * L tokens.</summary>
    /// <returns>A scalar, float32; its expectation bounds -log p(x_0) / L from above, in nats.</returns>
    public static Tensor Pretraining(MaskPredictor model, NoisedBatch batch) =>
        WeightedCrossEntropy(model, batch, token => 1 / (token.Probability * batch.BatchSize * batch.Length));

    /// <summary>SFT: each row's sum is divided by its answer length, padding EOS included, and the rows are averaged.</summary>
    /// <param name="batch">With the prompts restored.</param>
    /// <param name="promptLengths">[B].</param>
    public static Tensor SupervisedFineTuning(MaskPredictor model, NoisedBatch batch, int[] promptLengths) =>
        WeightedCrossEntropy(model, batch, token => 1 / (token.Probability * (batch.Length - promptLengths[token.Row]) * batch.BatchSize));

    /// <remarks>The head and the cross entropy run on masked positions alone; the host drew the masks, so choosing them costs no synchronisation.</remarks>
    private static Tensor WeightedCrossEntropy(MaskPredictor model, NoisedBatch batch, Func<MaskedToken, double> weight)
    {
        using var scope = NewDisposeScope();
        var hidden = model.Hidden(batch.ToTensor(model.Device)).flatten(0, 1);                               // [B * L, D]
        var indices = tensor([.. batch.Masked.Select(token => (long)token.Index)], device: model.Device);    // [N]
        var targets = tensor([.. batch.Masked.Select(token => (long)token.Token)], device: model.Device);    // [N]
        var weights = tensor([.. batch.Masked.Select(token => (float)weight(token))], device: model.Device); // [N]
        var logits = model.Logits(hidden.index_select(0, indices));                                          // [N, V]
        var crossEntropy = nn.functional.cross_entropy(logits, targets, reduction: nn.Reduction.None);       // [N]
        return (crossEntropy * weights).sum().MoveToOuterDisposeScope();
    }
}
