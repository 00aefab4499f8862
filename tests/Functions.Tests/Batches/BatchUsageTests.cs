using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class BatchUsageTests
{
    [Fact]
    public void All_tokens_are_those_of_the_input_and_of_the_output()
    {
        var usage = BatchUsage.Of(new PartCounts(Completed: 1, Failed: 0, PromptTokens: 10, CompletionTokens: 3));

        Assert.Equal((10, 3, 13), (usage.InputTokens, usage.OutputTokens, usage.TotalTokens));
    }
}
