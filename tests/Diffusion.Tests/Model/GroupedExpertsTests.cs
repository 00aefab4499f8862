using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Model;

/// <summary>All experts at once: the trial that decides, and on the CPU the same text that a card runs.</summary>
public sealed class GroupedExpertsTests
{
    private const long Width = 64;
    private const int Inner = 32, NumChosen = 2;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void All_experts_at_once_give_what_they_give_one_by_one(int numChosen)
    {
        var script = BlockScript.Instance!;

        Assert.True(GroupedExperts.IsRight(
            numChosen, Width, Inner, trial => GroupedExperts.Grouped(script, trial), trial => GroupedExperts.OneByOne(script, trial)));
    }

    [Fact]
    public void Trial_has_experts_with_many_tokens_few_and_none()
    {
        using var scope = NewDisposeScope();
        long[] chosen = [.. GroupedExperts.Trial(NumChosen, Width, Inner)[1].data<long>()];

        int[] counts = [.. Enumerable.Range(0, 8).Select(expert => chosen.Count(other => other == expert))];
        Assert.Contains(0, counts);
        Assert.Contains(counts, count => count is > 0 and < 4);
        Assert.Contains(counts, count => count > 8);
    }

    /// <summary>An operation that is off by as much as one expert's tokens, or that the device lacks, is not used.</summary>
    [Fact]
    public void Wrong_or_missing_operation_is_not_used()
    {
        var script = BlockScript.Instance!;
        bool IsRight(Func<Tensor[], Tensor> grouped) =>
            GroupedExperts.IsRight(NumChosen, Width, Inner, grouped, trial => GroupedExperts.OneByOne(script, trial));
        Tensor Exact(Tensor[] trial) => GroupedExperts.OneByOne(script, trial);

        Assert.True(IsRight(Exact));
        Assert.False(IsRight(trial => Exact(trial).index_fill(0, tensor(3L), 5)));
        Assert.False(IsRight(_ => throw new InvalidOperationException("libtorch failed")));
        Assert.False(IsRight(trial => Exact(trial) * double.NaN));
    }

    [Fact]
    public void Experts_of_a_cpu_stay_one_by_one()
    {
        var config = new ExpertConfig { Router = RouterKind.Softmax, NumExperts = 8, NumChosen = NumChosen, Width = Inner };

        Assert.False(GroupedExperts.Suit(BlockScript.Instance!, CPU, ScalarType.BFloat16, config, Width));
    }
}
