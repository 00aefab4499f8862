using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Families;

public sealed class RouterTests
{
    private static readonly ExpertConfig s_softmax = new() { Router = RouterKind.Softmax, NumExperts = 4, NumChosen = 2, Width = 3 };

    private static readonly ExpertConfig s_sigmoid = s_softmax with { Router = RouterKind.Sigmoid, Scale = 2 };

    [Fact]
    public void Softmax_weights_are_not_made_to_sum_to_one()
    {
        using var scope = NewDisposeScope();
        var choice = Choose(s_softmax, [1, 3, 0, 2]);

        Assert.Equal([1, 3], choice.Experts.data<long>());
        double sum = Math.Exp(1) + Math.Exp(3) + 1 + Math.Exp(2);
        Assert.Equal(Math.Exp(3) / sum, choice.Weights[0, 0].item<float>(), 1e-6);
        Assert.Equal(Math.Exp(2) / sum, choice.Weights[0, 1].item<float>(), 1e-6);
    }

    [Fact]
    public void Bias_of_softmax_counts_for_choice_and_weight()
    {
        using var scope = NewDisposeScope();
        var choice = Choose(s_softmax with { HasBias = true }, [0, 0, 0, 0], [0, 0.1, 0.2, 0]);

        Assert.Equal([2, 1], choice.Experts.data<long>());
        Assert.Equal(0.45, choice.Weights[0, 0].item<float>(), 1e-6);
    }

    [Fact]
    public void Sigmoid_weights_are_normalised_and_scaled_and_their_bias_counts_for_the_choice_alone()
    {
        using var scope = NewDisposeScope();
        var choice = Choose(s_sigmoid with { HasBias = true }, [0, 1, 2, -1], [0, 0, 0, 5]);

        Assert.Equal([3, 2], choice.Experts.data<long>());
        double low = 1 / (1 + Math.Exp(1)), high = 1 / (1 + Math.Exp(-2));
        Assert.Equal(2 * low / (low + high), choice.Weights[0, 0].item<float>(), 1e-5);
        Assert.Equal(2, choice.Weights.sum().item<float>(), 1e-5);
    }

    [Fact]
    public void Weight_of_a_single_choice_is_its_score() =>
        Assert.Equal(1, Choose(s_sigmoid with { NumChosen = 1 }, [-1, 0, -2, -3]).Weights.item<float>(), 1e-6);

    [Fact]
    public void Experts_come_from_the_groups_whose_two_best_are_best_together()
    {
        using var scope = NewDisposeScope();
        // The best expert of all stands beside the worst.
        var grouped = s_sigmoid with { NumExperts = 6, NumGroups = 3, NumChosenGroups = 1, NumChosen = 2 };
        var choice = Choose(grouped, [3, -9, 1, 1.2, 0, 0]);

        Assert.Equal([3, 2], choice.Experts.data<long>());
    }

    [Theory]
    [InlineData(RouterKind.Softmax)]
    [InlineData(RouterKind.Sigmoid)]
    public void Of_equal_experts_the_first_are_chosen(RouterKind kind)
    {
        using var scope = NewDisposeScope();
        var choice = Choose(s_softmax with { Router = kind, NumExperts = 64, NumChosen = 3 }, new double[64]);

        Assert.Equal([0, 1, 2], choice.Experts.data<long>());
    }

    [Fact]
    public void Tokens_go_to_their_experts_in_full_places_and_back()
    {
        long[] experts = [2, 0, 2, 5, 0, 2];

        var plan = ExpertPlan.Of(experts, numExperts: 6, numChosen: 2, multiple: 16);

        Assert.Equal([(0, 0, 16), (2, 16, 16), (5, 32, 16)], plan.Runs);
        Assert.Equal(48, plan.Gathered.Length);
        foreach (var (index, place) in plan.Places.Index())
        {
            Assert.Equal(index / 2, plan.Gathered[place]);
            var run = plan.Runs.Single(run => run.Expert == experts[index]);
            Assert.InRange(place, run.Start, run.Start + run.Count - 1);
        }
        Assert.Equal(plan.Places.Length, plan.Places.Distinct().Count());
        Assert.All(plan.Gathered[34..], token => Assert.Equal(1, token));
    }

    /// <param name="logits">Of one token, by expert.</param>
    private static RouterChoice Choose(ExpertConfig config, double[] logits, double[]? biases = null)
    {
        using var noGradient = no_grad();
        var router = new Router(config, logits.Length, ScalarType.Float32, CPU);
        router.Parameter("weight").copy_(eye(logits.Length));
        foreach (var (_, bias) in router.named_buffers())
            bias.copy_(tensor(biases!, ScalarType.Float32));
        return router.Choose(tensor(logits, ScalarType.Float32).unsqueeze(0));
    }
}
