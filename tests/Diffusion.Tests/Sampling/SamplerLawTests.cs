using CsCheck;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>What holds for every canvas, every network and all options.</summary>
public sealed class SamplerLawTests : IDisposable
{
    private readonly MaskPredictor _model = TinyModel.Random();
    private readonly Sampler _sampler;

    public SamplerLawTests() => _sampler = new Sampler(_model);

    public void Dispose()
    {
        _sampler.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void Given_tokens_never_change_and_every_mask_is_filled() =>
        ForAny((row, sampled, _) =>
        {
            foreach (var (position, given) in row.Canvas.Index())
            {
                if (given == TinyModel.Mask)
                {
                    Assert.InRange(sampled.Tokens[position], 0, TinyModel.Config.VocabularySize - 1);
                    Assert.NotEqual(TinyModel.Mask, sampled.Tokens[position]);
                    Assert.True(sampled.Confidence[position] is > 0 and < 1);
                }
                else
                {
                    Assert.Equal(given, sampled.Tokens[position]);
                    Assert.Equal(1, sampled.Confidence[position]);
                }
            }
        });

    [Fact]
    public void Steps_commit_their_quotas_block_by_block_from_left_to_right() =>
        ForAny((row, sampled, recording) =>
        {
            int[] masks = row.Masks();
            int[][] blocks = [.. masks.Chunk(row.Options.BlockLength ?? Math.Max(1, masks.Length))];
            int[] steps = masks.Length == 0 ? [] : TransferSchedule.ShareSteps(
                [.. blocks.Select(block => block.Length)], row.Options.Steps ?? masks.Length);
            var expected = blocks.Zip(steps, (block, stepsOfBlock) => TransferSchedule.Split(block.Length, Math.Min(stepsOfBlock, block.Length))
                .Select(quota => (Block: block, Quota: quota))).SelectMany(quotas => quotas).ToList();

            int[][] commits = recording.Commits();

            Assert.Equal(expected.Select(step => step.Quota), commits.Select(commit => commit.Length));
            foreach (var (step, commit) in expected.Zip(commits))
                Assert.Subset(step.Block.ToHashSet(), commit.ToHashSet());
        });

    [Fact]
    public void Forward_passes_are_counted_as_they_are_made() =>
        ForAny((row, sampled, recording) => Assert.Equal(recording.NumForwards * (row.Options.CfgScale > 0 ? 2 : 1), sampled.NumForwards));

    [Fact]
    public void Same_row_gives_the_same_result() =>
        ForAny((row, sampled, _) =>
        {
            var again = _sampler.Sample([row])[0];
            Assert.Equal(sampled.Tokens, again.Tokens);
            Assert.Equal(sampled.Confidence, again.Confidence);
        });

    [Fact]
    public void Zero_temperature_ignores_the_seed_and_top_p() =>
        ForAny((row, sampled, _) =>
        {
            var options = row.Options with { Temperature = 0, Remasking = Remasking.LowConfidence };
            var one = _sampler.Sample([row with { Options = options }])[0];
            var other = _sampler.Sample([row with { Options = options with { Seed = options.Seed + 1, TopP = 0.1 } }])[0];
            Assert.Equal(one.Tokens, other.Tokens);
            Assert.Equal(one.Confidence, other.Confidence);
        });

    [Fact]
    public void Naming_all_masks_as_targets_changes_nothing() =>
        ForAny((row, sampled, _) =>
        {
            var named = _sampler.Sample([row with { Targets = row.Masks() }])[0];
            Assert.Equal(sampled.Tokens, named.Tokens);
            Assert.Equal(sampled.Confidence, named.Confidence);
        });

    [Fact]
    public void Block_as_long_as_the_canvas_is_pure_diffusion() =>
        ForAny((row, _, _) =>
        {
            var pure = _sampler.Sample([row with { Options = row.Options with { BlockLength = null } }])[0];
            var block = _sampler.Sample([row with { Options = row.Options with { BlockLength = row.Canvas.Count } }])[0];
            Assert.Equal(pure.Tokens, block.Tokens);
            Assert.Equal(pure.Confidence, block.Confidence);
        });

    [Fact]
    public void Fixed_seed_says_which_tokens_and_another_says_others()
    {
        var row = SamplingRows.Generation(20, new() { Temperature = 1, Seed = 5 }, 1, 2, 3);

        var first = _sampler.Sample([row])[0];
        var other = _sampler.Sample([row with { Options = row.Options with { Seed = 6 } }])[0];

        Assert.NotEqual(first.Tokens, other.Tokens);
    }

    private void ForAny(Action<SamplingRow, SampledRow, Recording> holds) =>
        SamplingRows.Any.Sample(row =>
        {
            using var scope = NewDisposeScope();
            using var recording = new Recording(_model);
            var sampled = _sampler.Sample([recording.Watch(row)])[0];
            recording.Dispose();
            holds(row, sampled, recording);
        }, iter: 25, threads: 1, print: row => $"[{string.Join(' ', row.Canvas)}] {row.Options}");
}
