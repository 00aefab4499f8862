using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>softmax(Q K^T / sqrt(E)) V of the rows of a segment, with grouped queries.</summary>
internal static class SegmentAttention
{
    /// <param name="queries">[rows, K, H / K, L, E].</param>
    /// <param name="keys">[rows, K, L', E].</param>
    /// <param name="values">[rows, K, L', E].</param>
    /// <param name="mask">[rows or 1, 1, L or 1, L'], or null.</param>
    /// <param name="isCausal">Each query sees the keys up to its own position.</param>
    /// <param name="isEager">Whether to keep the probabilities (<see cref="EagerAttention"/>).</param>
    /// <returns>Values in the order [rows, H, L, E], in another shape.</returns>
    public static Tensor Attend(Tensor queries, Tensor keys, Tensor values, Tensor? mask, bool isCausal, bool isEager)
    {
        if (isCausal)
            return Causal(queries, keys, values, isEager);
        return mask is not null && mask.shape[2] > 1
            ? Attend(queries.flatten(1, 2), Repeat(keys, queries), Repeat(values, queries), mask, isEager)
            : Attend(queries.flatten(2, 3), keys, values, mask, isEager);
    }

    /// <summary>
    /// Where the mask is the same for all queries, those that share a key are further queries to it: their order is free.
    /// </summary>
    private static Tensor Attend(Tensor queries, Tensor keys, Tensor values, Tensor? mask, bool isEager) => isEager
        ? EagerAttention.Attend(queries, keys, values, mask)
        : nn.functional.scaled_dot_product_attention(queries, keys, values, mask);

    /// <remarks>Padding needs no mask: it stands behind a row's tokens, which attend only to earlier ones.</remarks>
    private static Tensor Causal(Tensor queries, Tensor keys, Tensor values, bool isEager)
    {
        var (heads, repeatedKeys, repeatedValues) = (queries.flatten(1, 2), Repeat(keys, queries), Repeat(values, queries));
        if (!isEager)
            return nn.functional.scaled_dot_product_attention(heads, repeatedKeys, repeatedValues, is_casual: true);
        long length = queries.shape[3];
        var mask = ones(length, length, ScalarType.Bool, queries.device).tril().view(1, 1, length, length);
        return EagerAttention.Attend(heads, repeatedKeys, repeatedValues, mask);
    }

    /// <summary>Keys, or values, once for each of the queries that share them.</summary>
    private static Tensor Repeat(Tensor shared, Tensor queries) =>
        queries.shape[2] == 1 ? shared : shared.repeat_interleave(queries.shape[2], 1);
}
