using System.Text.Json;
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
        Assert.Equal(new AutoHyperparameters(epochs, batchSize, multiplier), Of(new FineTuningJobRecord(), numLines));
        Assert.Equal(multiplier, Of(new FineTuningJobRecord { LoraRank = 8 }, numLines).LearningRateMultiplier);
        Assert.Equal(Math.Min(4, multiplier), Of(new FineTuningJobRecord { NumVirtualTokens = 8 }, numLines).LearningRateMultiplier);
    }

    [Theory]
    [InlineData(10, 10, 4)]
    [InlineData(100, 5, 6)]
    [InlineData(500, 1, 31)]
    [InlineData(350_000, 1, 32)]
    public void Pairs_are_seen_once_or_up_to_ten_times(int numLines, int epochs, int batchSize)
    {
        var auto = Of(new FineTuningJobRecord { Method = FineTuningMethod.Dpo }, numLines);

        Assert.Equal((epochs, batchSize), (auto.Epochs, auto.BatchSize));
    }

    [Theory]
    [InlineData(512, null, 256)]
    [InlineData(64, null, 32)]
    [InlineData(64, 5, 5)]
    public void Answers_take_at_most_half_of_a_short_context(int contextLength, int? asked, int maxTokens)
    {
        var job = new FineTuningJobRecord
        {
            Method = FineTuningMethod.Reinforcement,
            Reinforcement = new ReinforcementSettings { Grader = JsonDocument.Parse("{}").RootElement, MaxTokens = asked }.ToJson(),
        };

        var auto = AutoHyperparameters.Of(job, numLines: 600, numBytes: 0, contextLength);

        Assert.Equal((1, 8, maxTokens), (auto.Epochs, auto.BatchSize, auto.Reinforcement!.MaxTokens));
    }

    [Fact]
    public void What_a_job_names_counts_in_what_is_chosen_for_the_rest() =>
        Assert.Equal(new AutoHyperparameters(10, 8, 2.67), Of(new FineTuningJobRecord { Epochs = 10, BatchSize = 8 }, 300));

    [Theory]
    [InlineData(100, 1)]
    [InlineData(2 * 4 * 512, 2)]
    [InlineData(100 * 4 * 512, 6)]
    [InlineData(10_000 * 4 * 512, 32)]
    public void Text_counts_by_its_sequences(long numBytes, int batchSize)
    {
        var auto = AutoHyperparameters.Of(new FineTuningJobRecord { Method = FineTuningMethod.Pretrain }, 7, numBytes, contextLength: 512);

        Assert.Equal((3, batchSize), (auto.Epochs, auto.BatchSize));
    }

    private static AutoHyperparameters Of(FineTuningJobRecord job, int numLines) =>
        AutoHyperparameters.Of(job, numLines, numBytes: 0, contextLength: 512);
}
