using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Sampling;

/// <summary>
/// The reference's generate() at temperature 0, as it is described: one row, a full forward pass with all logits in every step,
/// semi-autoregressive blocks, low-confidence remasking, no early stop.
/// </summary>
internal static class OfficialLoop
{
    /// <returns>The new tokens.</returns>
    public static int[] Generate(MaskPredictor model, int[] prompt, int genLength, int blockLength, int steps)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        int length = prompt.Length + genLength, stepsPerBlock = steps / (genLength / blockLength);
        var x = full([1, length], model.Config.MaskTokenId, ScalarType.Int64);
        x[0, ..prompt.Length] = tensor(prompt, ScalarType.Int64);
        for (int start = prompt.Length; start < length; start += blockLength)
        {
            for (int step = 0; step < stepsPerBlock; step++)
            {
                using var stepScope = NewDisposeScope();
                var logits = model.call(x);
                var x0 = logits.argmax(-1);
                var confidence = softmax(logits, -1).gather(-1, x0.unsqueeze(-1)).squeeze(-1);
                var isMask = x == model.Config.MaskTokenId;
                confidence = confidence.masked_fill(isMask.logical_not(), float.NegativeInfinity);
                confidence[0, (start + blockLength)..] = float.NegativeInfinity;
                var (_, chosen) = confidence[0].topk(blockLength / stepsPerBlock);
                x[0].index_copy_(0, chosen, x0[0].index_select(0, chosen));
            }
        }
        return [.. x[0].data<long>().Skip(prompt.Length).Select(token => (int)token)];
    }
}
