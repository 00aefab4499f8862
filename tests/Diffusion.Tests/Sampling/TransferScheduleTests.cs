using CsCheck;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class TransferScheduleTests
{
    public static TheoryData<int, int, int[]> Vectors => new()
    {
        { 128, 128, [.. Enumerable.Repeat(1, 128)] },
        { 32, 8, [.. Enumerable.Repeat(4, 8)] },
        { 64, 32, [.. Enumerable.Repeat(2, 32)] },
        { 10, 4, [3, 3, 2, 2] },
        { 7, 3, [3, 2, 2] },
        { 17, 5, [4, 4, 3, 3, 3] },
        { 5, 8, [1, 1, 1, 1, 1, 0, 0, 0] },
        { 0, 3, [0, 0, 0] },
    };

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Split_equals_the_references_num_transfer_tokens(int numMasks, int numSteps, int[] expected) =>
        Assert.Equal(expected, TransferSchedule.Split(numMasks, numSteps));

    [Fact]
    public void Split_sums_to_the_masks_never_rises_and_differs_by_at_most_one() =>
        Gen.Select(Gen.Int[0, 5000], Gen.Int[1, 5000]).Sample((numMasks, numSteps) =>
        {
            int[] split = TransferSchedule.Split(numMasks, numSteps);
            Assert.Equal(numSteps, split.Length);
            Assert.Equal(numMasks, split.Sum());
            Assert.Equal(split.OrderDescending(), split);
            Assert.InRange(split[0] - split[^1], 0, 1);
        });

    [Theory]
    [InlineData(128, 32, 4, 32)]
    [InlineData(64, 32, 8, 8)]
    public void Equal_blocks_get_equal_shares(int steps, int blockLength, int numBlocks, int stepsOfBlock) =>
        Assert.Equal(
            Enumerable.Repeat(stepsOfBlock, numBlocks), TransferSchedule.ShareSteps([.. Enumerable.Repeat(blockLength, numBlocks)], steps));

    [Fact]
    public void Shares_of_equal_blocks_are_their_quotient() =>
        Gen.Select(Gen.Int[1, 64], Gen.Int[1, 64], Gen.Int[1, 64]).Sample((blockLength, numBlocks, stepsOfBlock) =>
            Assert.Equal(
                Enumerable.Repeat(stepsOfBlock, numBlocks),
                TransferSchedule.ShareSteps([.. Enumerable.Repeat(blockLength, numBlocks)], stepsOfBlock * numBlocks)));

    [Fact]
    public void Shares_sum_to_the_steps_where_they_suffice_and_no_block_goes_without() =>
        Gen.Select(Gen.Int[1, 100].Array[1, 20], Gen.Int[1, 4096]).Sample((masks, numSteps) =>
        {
            int[] shares = TransferSchedule.ShareSteps(masks, numSteps);
            Assert.Equal(masks.Length, shares.Length);
            Assert.All(shares, share => Assert.True(share >= 1));
            Assert.InRange(shares.Sum(), numSteps, numSteps + masks.Length);
            if (numSteps >= masks.Sum())
                Assert.Equal(numSteps, shares.Sum());
        });

    [Fact]
    public void Shares_are_proportional_to_the_masks() =>
        Gen.Select(Gen.Int[1, 100].Array[1, 20], Gen.Int[1, 4096]).Sample((masks, numSteps) =>
        {
            int[] shares = TransferSchedule.ShareSteps(masks, numSteps);
            foreach (var (share, mask) in shares.Zip(masks))
                Assert.True(share == 1 || Math.Abs(share - ((double)numSteps * mask / masks.Sum())) < 1);
        });
}
