using CsCheck;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>What holds for every canvas, every network and all options of block-causal models.</summary>
public sealed class BlockCausalLawTests : IDisposable
{
    private const int M = TinyModel.Mask;

    private static readonly LLaDAConfig s_config = TinyModel.Config with { Family = ModelFamilies.LLaDA2, BlockLength = 4 };

    private static readonly Gen<SamplingRow> s_rows =
        from prompt in Gen.Int[0, TinyModel.NumTextTokens - 1].Array[0, 14]
        from numMasks in Gen.Int[1, 17]
        from steps in Gen.Int[0, 6]
        from blockLength in Gen.OneOf(0, 3, 8)
        from temperature in Gen.OneOf(0.0, 0.8)
        from topK in Gen.OneOf(0, 5)
        from remasking in Gen.OneOf(Remasking.LowConfidence, Remasking.Sequential, Remasking.EntropyBounded)
        from threshold in Gen.OneOf(0.0, 0.05)
        from editing in Gen.OneOf(-1.0, 0.04)
        from cfgScale in Gen.OneOf(0.0, 0.0, 1.0)
        from seed in Gen.ULong
        select SamplingRows.Generation(numMasks, new SamplingOptions
        {
            Steps = steps == 0 ? null : steps,
            BlockLength = blockLength == 0 ? null : blockLength,
            Temperature = temperature,
            TopK = topK == 0 ? null : topK,
            Remasking = remasking,
            Threshold = remasking == Remasking.LowConfidence && threshold > 0 ? threshold : null,
            EditingThreshold = remasking == Remasking.LowConfidence && editing >= 0 ? editing : null,
            CfgScale = cfgScale,
            Seed = seed,
        }, prompt);

    /// <summary>Of a probability: what decides by less may be decided otherwise by other numbers of rows.</summary>
    private const float Rounding = 1e-6f;

    private readonly MaskPredictor _model = TinyModel.Random(s_config);
    private readonly Sampler _sampler;

    public BlockCausalLawTests() => _sampler = new Sampler(_model);

    public void Dispose()
    {
        _sampler.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void Given_tokens_never_change_and_every_mask_is_filled() =>
        ForAny((row, sampled, _) =>
        {
            Assert.Equal(row.Canvas.Count, sampled.Tokens.Length);
            foreach (var (position, given) in row.Canvas.Index())
            {
                Assert.NotEqual(M, sampled.Tokens[position]);
                Assert.True(given == M || given == sampled.Tokens[position]);
                Assert.InRange(sampled.Confidence[position], 0, 1);
            }
        });

    [Fact]
    public void Blocks_are_finished_from_left_to_right() =>
        ForAny((row, _, canvases) =>
        {
            int length = row.Options.BlockLength ?? s_config.BlockLength!.Value;
            for (int step = 1; step < canvases.Count; step++)
            {
                int[] changed = [.. Enumerable.Range(0, row.Canvas.Count).Where(p => canvases[step][p] != canvases[step - 1][p])];
                if (changed.Length == 0)
                    continue;
                int block = Assert.Single(changed.Select(position => position / length).Distinct());
                Assert.DoesNotContain(M, canvases[step - 1][..(block * length)]);
            }
        });

    /// <summary>Each pass takes the current block, and once the blocks before it whose keys and values are not kept yet.</summary>
    [Fact]
    public void Every_block_passes_once_more_than_it_is_denoised() =>
        ForAny((row, sampled, canvases) =>
        {
            int length = row.Options.BlockLength ?? s_config.BlockLength!.Value;
            int end = (row.Canvas.Count + length - 1) / length * length;
            int halves = row.Options.CfgScale > 0 ? 2 : 1;
            int numSteps = canvases.Count - 1;
            int lastStart = (end - length) * halves;

            Assert.Equal(numSteps * halves, sampled.NumForwards);
            Assert.Equal(lastStart + (numSteps * length * halves), sampled.NumTokenForwards);
        });

    [Fact]
    public void Tokens_are_those_of_passes_over_everything_up_to_the_block() =>
        ForAny((row, sampled, _) =>
        {
            if (row.Options is { Temperature: 0, Remasking: Remasking.LowConfidence, Threshold: null, EditingThreshold: null, CfgScale: 0 })
            {
                var (expected, margin) = Plain(row);
                if (margin > Rounding)
                    Assert.Equal(expected, sampled.Tokens);
            }
        }, iterations: 60);

    [Fact]
    public void Rows_in_different_blocks_give_the_same_bits_together() =>
        s_rows.Array[2, 6].Sample(rows =>
        {
            var together = _sampler.Sample(rows);
            foreach (var (row, sampled) in rows.Zip(together))
            {
                var alone = _sampler.Sample([row])[0];
                Assert.Equal(alone.Tokens, sampled.Tokens);
                Assert.Equal(alone.Confidence, sampled.Confidence);
            }
        }, iter: 10, threads: 1);

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void Without_edits_a_post_step_changes_nothing(int maxPostSteps)
    {
        var row = SamplingRows.Generation(13, new(), 1, 2, 3, 4, 5, 6);

        var never = _sampler.Sample([row])[0];
        var sure = _sampler.Sample([row with { Options = new() { EditingThreshold = 1, MaxPostSteps = maxPostSteps } }])[0];

        Assert.Equal(never.Tokens, sure.Tokens);
        // The masks of 14 tokens behind 6 lie in four blocks, each of which gets at most one step that finds nothing to edit.
        Assert.Equal(never.NumForwards + (maxPostSteps == 0 ? 0 : 4), sure.NumForwards);
    }

    [Fact]
    public void Edits_end_after_the_most_post_steps()
    {
        var row = SamplingRows.Generation(8, new() { Temperature = 1, EditingThreshold = 0, MaxPostSteps = 3, Seed = 4 });

        var sampled = _sampler.Sample([row])[0];

        Assert.Equal(2 * (4 + 3), sampled.NumForwards);
    }

    /// <summary>One token a step with a whole pass each, without a cache, whose numbers of rows round otherwise.</summary>
    /// <returns>The tokens, and the smallest difference of probabilities that decided about one.</returns>
    private (int[] Tokens, float Margin) Plain(SamplingRow row)
    {
        float margin = 1;
        using var noGradient = no_grad();
        int length = row.Options.BlockLength ?? s_config.BlockLength!.Value;
        int numTokens = row.Canvas.Count, end = (numTokens + length - 1) / length * length;
        int[] canvas = [.. row.Canvas, .. Enumerable.Repeat(M, end - numTokens)];
        for (int start = 0; start < end; start += length)
        {
            var quotas = new Queue<int>(TransferSchedule.Split(length, Math.Min(length, row.Options.Steps ?? length)));
            while (Array.IndexOf(canvas, M, start, length) >= 0)
            {
                using var scope = NewDisposeScope();
                long[] tokens = [.. canvas[..(start + length)].Select(token => (long)token)];
                var packed = new PackedTokens(
                    tensor(tokens), arange(tokens.Length, ScalarType.Int64),
                    [new Segment(0, 1, tokens.Length) { Mask = BlockCausalMask.Of(0, tokens.Length, tokens.Length, length, CPU) }]);
                var probabilities = nn.functional.softmax(_model.Logits(_model.Hidden(packed)), -1);
                var allowed = probabilities.narrow(1, 0, s_config.VocabularySize).clone();
                allowed.select(1, M).fill_(0);
                var (best, chosen) = allowed.topk(2, -1);
                float Best(int position, int rank = 0) => best[position, rank].item<float>();
                int[] masked = [.. Enumerable.Range(start, length).Where(position => canvas[position] == M).OrderByDescending(
                    position => Best(position))];
                int quota = Math.Min(quotas.Dequeue(), masked.Length);
                if (quota > 0 && quota < masked.Length)
                    margin = Math.Min(margin, Best(masked[quota - 1]) - Best(masked[quota]));
                foreach (int position in masked.Take(quota))
                {
                    margin = Math.Min(margin, Best(position) - Best(position, rank: 1));
                    canvas[position] = (int)chosen[position, 0].item<long>();
                }
            }
        }
        return (canvas[..numTokens], margin);
    }

    private void ForAny(Action<SamplingRow, SampledRow, IReadOnlyList<int[]>> holds, int iterations = 25) =>
        s_rows.Sample(row =>
        {
            using var scope = NewDisposeScope();
            List<int[]> canvases = [[.. row.Canvas]];
            var sampled = _sampler.Sample([row with { OnStep = step => canvases.Add([.. step.Canvas]) }])[0];
            holds(row, sampled, canvases);
        }, iter: iterations, threads: 1, print: row => $"[{string.Join(' ', row.Canvas)}] {row.Options}");
}
