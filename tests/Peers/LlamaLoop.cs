using System.Numerics.Tensors;
using LLaDA.Diffusion.Model;

namespace LLaDA.Batch.Peers;

/// <summary>The official generation at temperature 0, one token a step, over passes of llama.cpp.</summary>
internal static class LlamaLoop
{
    /// <returns>The filled canvases.</returns>
    public static int[][] Generate(LlamaCpp llama, int[][] canvases, LLaDAConfig config, int promptLength, int blockLength)
    {
        int[][] rows = [.. canvases.Select(canvas => (int[])canvas.Clone())];
        int length = rows[0].Length, vocabulary = config.EmbeddingSize;
        for (int start = promptLength; start < length; start += blockLength)
        {
            for (int step = 0; step < blockLength; step++)
            {
                var logits = llama.Forward(rows);
                for (int row = 0; row < rows.Length; row++)
                    CommitBest(rows[row], start, blockLength, logits.Slice(row * length * vocabulary, length * vocabulary), config);
            }
        }
        return rows;
    }

    public static int Best(ReadOnlySpan<float> logits) => TensorPrimitives.IndexOfMax(logits);

    /// <summary>Keeps the most probable token of the masked position whose probability is highest.</summary>
    private static void CommitBest(int[] row, int start, int count, ReadOnlySpan<float> logits, LLaDAConfig config)
    {
        float[] scratch = new float[config.EmbeddingSize];
        var (best, token, confidence) = (-1, 0, float.NegativeInfinity);
        for (int position = start; position < start + count; position++)
        {
            if (row[position] != config.MaskTokenId)
                continue;
            var here = logits.Slice(position * config.EmbeddingSize, config.EmbeddingSize);
            int chosen = Best(here);
            TensorPrimitives.Subtract(here, here[chosen], scratch);
            TensorPrimitives.Exp(scratch, scratch);
            float probability = 1 / TensorPrimitives.Sum<float>(scratch);
            if (probability > confidence)
                (best, token, confidence) = (position, chosen, probability);
        }
        row[best] = token;
    }
}
