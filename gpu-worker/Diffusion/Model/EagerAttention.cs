using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// softmax(Q K^T / sqrt(E)) V as two products that keep the probabilities: used to train short rows in bfloat16 on a CPU.
/// </summary>
/// <remarks>
/// libtorch's fused attention multiplies bfloat16 with kernels that many CPUs have in float32 alone, at a fraction of the speed of its
/// other
/// bfloat16 products (docs/benchmarks/trainer.md). The price is memory: the probabilities of every block are kept for the backward pass.
/// </remarks>
internal static class EagerAttention
{
    /// <summary>The longest row, in tokens: beyond it the probabilities outgrow the other activations that are kept.</summary>
    private const int MaxLength = 1024;

    /// <summary>Scores that exist at a time, few enough for a processor's cache.</summary>
    private const long MaxScores = 1 << 21;

    /// <param name="length">Tokens of a row.</param>
    public static bool Suits(ScalarType computeType, Device device, int length) =>
        computeType == ScalarType.BFloat16 && device.type == DeviceType.CPU && length <= MaxLength;

    /// <param name="queries">[rows, H, L, E].</param>
    /// <param name="keys">[rows, H, L', E].</param>
    /// <param name="values">[rows, H, L', E].</param>
    /// <param name="mask">[rows or 1, 1, L or 1, L'], true where a key may be seen; null when all may.</param>
    /// <returns>[rows, H, L, E].</returns>
    public static Tensor Attend(Tensor queries, Tensor keys, Tensor values, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        using var scale = (1 / Math.Sqrt(queries.shape[^1])).ToScalar();
        var scaled = queries.mul(scale);
        var hidden = mask?.logical_not();
        long numRows = queries.shape[0], scoresOfRow = queries.shape[1] * queries.shape[2] * keys.shape[2];
        long size = Math.Max(1, MaxScores / scoresOfRow);
        // The gradient of parts is put together once; that of views, one at a time, would be a tensor as large as all of them for each.
        Tensor[] Parts(Tensor all) => numRows <= size ? [all] : all.split(size);
        var (queryParts, keyParts, valueParts) = (Parts(scaled), Parts(keys), Parts(values));
        List<Tensor> attended = [];
        for (int part = 0; part < queryParts.Length; part++)
        {
            var scores = matmul(queryParts[part], keyParts[part].transpose(-2, -1));        // [rows, H, L, L']
            if (hidden is not null)
            {
                var hiddenHere = hidden.shape[0] == 1 ? hidden : hidden.narrow(0, part * size, queryParts[part].shape[0]);
                scores = scores.masked_fill(hiddenHere, StaticScalars.NegativeInfinity);
            }
            attended.Add(matmul(nn.functional.softmax(scores, -1), valueParts[part]));
        }
        return (attended.Count == 1 ? attended[0] : cat(attended)).MoveToOuterDisposeScope();
    }
}
