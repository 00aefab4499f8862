using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Sampling;

/// <summary>
/// The reference's generate() at temperature 0, as it is described: rows of one length, a full forward pass with all logits in every step,
/// semi-autoregressive blocks, low-confidence remasking, no early stop.
/// </summary>
internal static class OfficialLoop
{
    /// <returns>The new tokens.</returns>
    public static int[] Generate(MaskPredictor model, int[] prompt, int genLength, int blockLength, int steps) =>
        Generate(model, [prompt], genLength, blockLength, steps)[0];

    /// <summary>The same for prompts of one length, all in one pass.</summary>
    public static int[][] Generate(MaskPredictor model, int[][] prompts, int genLength, int blockLength, int steps)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        int promptLength = prompts[0].Length, length = promptLength + genLength, stepsPerBlock = steps / (genLength / blockLength);
        var x = full([prompts.Length, length], model.Config.MaskTokenId, ScalarType.Int64);
        for (int row = 0; row < prompts.Length; row++)
            x[row, ..promptLength] = tensor(prompts[row], ScalarType.Int64);
        for (int start = promptLength; start < length; start += blockLength)
        {
            for (int step = 0; step < stepsPerBlock; step++)
            {
                using var stepScope = NewDisposeScope();
                var logits = model.call(x);
                var x0 = logits.argmax(-1);
                var confidence = softmax(logits, -1).gather(-1, x0.unsqueeze(-1)).squeeze(-1);
                var isMask = x == model.Config.MaskTokenId;
                confidence = confidence.masked_fill(isMask.logical_not(), float.NegativeInfinity);
                confidence[.., (start + blockLength)..] = float.NegativeInfinity;
                for (int row = 0; row < prompts.Length; row++)
                {
                    var (_, chosen) = confidence[row].topk(blockLength / stepsPerBlock);
                    x[row].index_copy_(0, chosen, x0[row].index_select(0, chosen));
                }
            }
        }
        return [.. x.data<long>().Select(token => (int)token).Chunk(length).Select(row => row[promptLength..])];
    }
}
