using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Sampling;

/// <summary>What an official loop gave, and what it took.</summary>
/// <param name="TokenForwards">Tokens that passed through the network.</param>
internal sealed record LoopResult(int[] Tokens, int Forwards, long TokenForwards);

/// <summary>
/// The official generation of each family at temperature 0 with one token a step, as it is described: logits of all tokens that pass, no
/// early stop.
/// </summary>
internal static class FamilyLoops
{
    /// <returns>The new tokens.</returns>
    public static LoopResult Generate(MaskPredictor model, int[] prompt, int genLength, int blockLength)
    {
        using var noGradient = no_grad();
        var family = model.Config.Family;
        if (family == ModelFamilies.Dream)
            return new LoopResult(Dream(model, [prompt], genLength)[0], genLength, (long)genLength * (prompt.Length + genLength));
        if (family == ModelFamilies.LLaDA2)
            return LLaDA2(model, prompt, genLength);
        if (family == ModelFamilies.Sdar)
            return Sdar(model, prompt, genLength);
        int[] tokens = OfficialLoop.Generate(model, prompt, genLength, blockLength, genLength);
        return new LoopResult(tokens, genLength, (long)genLength * (prompt.Length + genLength));
    }

    /// <summary>Prompts of one length together, which the official code of LLaDA, LLaDA-MoE and Dream can.</summary>
    /// <returns>The new tokens of each row; null for a family whose official code takes one row.</returns>
    public static int[][]? GenerateTogether(MaskPredictor model, int[][] prompts, int genLength, int blockLength)
    {
        using var noGradient = no_grad();
        if (model.Config.Family.IsBlockCausal)
            return null;
        return model.Config.Family == ModelFamilies.Dream
            ? Dream(model, prompts, genLength)
            : OfficialLoop.Generate(model, prompts, genLength, blockLength, genLength);
    }

    /// <summary>Each pass takes the whole canvases; the masks with the lowest entropy are committed as the time schedule says.</summary>
    private static int[][] Dream(MaskPredictor model, int[][] prompts, int genLength)
    {
        const float end = 1e-3f;
        int length = prompts[0].Length + genLength;
        long[][] rows = [.. prompts.Select(prompt => Canvas(model, prompt, length))];
        for (int step = 0; step < genLength; step++)
        {
            using var scope = NewDisposeScope();
            float t = 1 + ((end - 1) / genLength * step), s = 1 + ((end - 1) / genLength * (step + 1));
            var logits = model.call(tensor([.. rows.SelectMany(row => row)], [rows.Length, length]));
            logits = cat([logits.narrow(1, 0, 1), logits.narrow(1, 0, length - 1)], 1);
            logits.select(2, model.Config.MaskTokenId).fill_(float.NegativeInfinity);
            var probabilities = softmax(logits, -1);
            var entropy = (probabilities * (probabilities + 1e-10).log()).sum(-1);
            var (_, tokens) = probabilities.max(-1);
            foreach (var (row, x) in rows.Index())
            {
                int[] masked = Masked(model, x, 0, length);
                int count = step == genLength - 1 ? masked.Length : (int)(masked.Length * (1 - (s / t)));
                float[] ranks = [.. entropy[row].data<float>()];
                long[] best = [.. tokens[row].data<long>()];
                foreach (int position in masked.OrderByDescending(position => ranks[position]).Take(count))
                    x[position] = best[position];
            }
        }
        return [.. rows.Select(row => row.Skip(length - genLength).Select(token => (int)token).ToArray())];
    }

    /// <summary>Each pass takes everything up to the end of the current block, under the block mask.</summary>
    private static LoopResult LLaDA2(MaskPredictor model, int[] prompt, int genLength)
    {
        int length = model.Config.BlockLength!.Value;
        long[] x = Canvas(model, prompt, (prompt.Length + genLength + length - 1) / length * length);
        int forwards = 0;
        long tokenForwards = 0;
        for (int start = prompt.Length / length * length; start < x.Length; start += length)
        {
            while (Masked(model, x, start, length) is { Length: > 0 } masked)
            {
                using var scope = NewDisposeScope();
                var logits = model.call(tensor(x[..(start + length)]).unsqueeze(0))[0];
                CommitBest(model, x, masked, logits, 0);
                forwards++;
                tokenForwards += start + length;
            }
        }
        return Result(x, prompt, genLength, forwards, tokenForwards);
    }

    /// <summary>The prompt's blocks pass once, then each block by itself against the cache, and once more when it is finished.</summary>
    private static LoopResult Sdar(MaskPredictor model, int[] prompt, int genLength)
    {
        int length = model.Config.BlockLength!.Value;
        long[] x = Canvas(model, prompt, (prompt.Length + genLength + length - 1) / length * length);
        int first = prompt.Length / length * length, forwards = 0;
        long tokenForwards = 0;
        using var cache = new KeyValueArena(model.Config, model.ComputeType, CPU).Rent(x.Length);
        if (first > 0)
            Pass(0, first);
        for (int start = first; start < x.Length; start += length)
        {
            while (Masked(model, x, start, length) is { Length: > 0 } masked)
            {
                using var scope = NewDisposeScope();
                CommitBest(model, x, masked, model.Logits(Pass(start, length)), start);
            }
            Pass(start, length);
        }
        return Result(x, prompt, genLength, forwards, tokenForwards);

        Tensor Pass(int start, int count)
        {
            forwards++;
            tokenForwards += count;
            var positions = arange(start, start + count, ScalarType.Int64);
            var segment = new Segment(0, 1, count)
            {
                Cache = cache,
                NumSeen = start + count,
                Mask = BlockCausalMask.Of(start, count, start + count, length, CPU),
            };
            return model.Hidden(new PackedTokens(tensor(x[start..(start + count)]), positions, [segment]));
        }
    }

    private static long[] Canvas(MaskPredictor model, int[] prompt, int length) =>
        [.. prompt.Select(token => (long)token), .. Enumerable.Repeat((long)model.Config.MaskTokenId, length - prompt.Length)];

    private static int[] Masked(MaskPredictor model, long[] x, int start, int length) =>
        [.. Enumerable.Range(start, length).Where(position => x[position] == model.Config.MaskTokenId)];

    /// <param name="offset">Position of the first row of the logits.</param>
    private static void CommitBest(MaskPredictor model, long[] x, int[] masked, Tensor logits, int offset)
    {
        logits.select(1, model.Config.MaskTokenId).fill_(float.NegativeInfinity);
        var (probabilities, tokens) = softmax(logits, -1).max(-1);
        float[] confidence = [.. probabilities.data<float>()];
        int position = masked.MaxBy(position => confidence[position - offset]);
        x[position] = tokens[position - offset].item<long>();
    }

    private static LoopResult Result(long[] x, int[] prompt, int genLength, int forwards, long tokenForwards) =>
        new([.. x.Skip(prompt.Length).Take(genLength).Select(token => (int)token)], forwards, tokenForwards);
}
