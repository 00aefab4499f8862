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

    private static void CommitBest(int[] row, int start, int count, ReadOnlySpan<float> logits, LLaDAConfig config)
    {
        var (best, token, confidence) = (-1, 0, double.NegativeInfinity);
        for (int position = start; position < start + count; position++)
        {
            if (row[position] != config.MaskTokenId)
                continue;
            var here = logits.Slice(position * config.EmbeddingSize, config.EmbeddingSize);
            int chosen = Best(here);
            double logProbability = -LogSumExpOver(here, here[chosen]);
            if (logProbability > confidence)
                (best, token, confidence) = (position, chosen, logProbability);
        }
        row[best] = token;
    }

    /// <summary>ln of the sum of exp(logit - largest): minus the log-probability of the largest.</summary>
    private static double LogSumExpOver(ReadOnlySpan<float> logits, float largest)
    {
        double sum = 0;
        foreach (float logit in logits)
            sum += Math.Exp(logit - largest);
        return Math.Log(sum);
    }
}
