using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.Tests.FineTuning;

public sealed class AutoHyperparametersTests
{
    [Theory]
    [InlineData(1, 50, 1, 8)]
    [InlineData(3, 50, 3, 8)]
    [InlineData(10, 50, 4, 8)]
    [InlineData(64, 8, 4, 7.81)]
    [InlineData(166, 4, 10, 8)]
    [InlineData(167, 3, 10, 8)]
    [InlineData(3_000, 3, 32, 3.56)]
    [InlineData(8_000, 3, 32, 1.33)]
    [InlineData(1_000_000, 3, 32, 1)]
    public void Few_examples_are_seen_more_often_in_batches_of_at_least_four_at_a_higher_rate(
        int numLines, int epochs, int batchSize, double multiplier)
    {
        var job = new FineTuningJobRecord
        {
            Epochs = AutoHyperparameters.Epochs(FineTuningMethod.Supervised, numLines),
            BatchSize = AutoHyperparameters.BatchSize(FineTuningMethod.Supervised, numLines, numBytes: 0, contextLength: 512),
        };

        Assert.Equal((epochs, batchSize), (job.Epochs, job.BatchSize));
        Assert.Equal(multiplier, AutoHyperparameters.LearningRateMultiplier(job, numLines, numBytes: 0, contextLength: 512));
        job.LoraRank = 8;
        Assert.Equal(Math.Min(4, multiplier), AutoHyperparameters.LearningRateMultiplier(job, numLines, numBytes: 0, contextLength: 512));
    }

    [Theory]
    [InlineData(100, 1)]
    [InlineData(2 * 4 * 512, 2)]
    [InlineData(100 * 4 * 512, 6)]
    [InlineData(10_000 * 4 * 512, 32)]
    public void Text_counts_by_its_sequences(long numBytes, int batchSize)
    {
        Assert.Equal(3, AutoHyperparameters.Epochs(FineTuningMethod.Pretrain, 7));
        Assert.Equal(batchSize, AutoHyperparameters.BatchSize(FineTuningMethod.Pretrain, 7, numBytes, contextLength: 512));
    }
}
