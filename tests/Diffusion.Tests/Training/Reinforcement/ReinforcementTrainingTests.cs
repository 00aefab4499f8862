using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.PromptTuning;
using LLaDA.Diffusion.Tests.Families;
using LLaDA.Diffusion.Tests.Training.Preferences;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;
using LLaDA.Diffusion.Training.Reinforcement;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training.Reinforcement;

public sealed class ReinforcementTrainingTests
{
    /// <summary>
    /// The second step has other noise than the first. Only the same noise for policy, old policy and reference makes the ratio exactly 1
    /// and the divergence exactly 0 in both, where no update lies between them.
    /// </summary>
    [Theory]
    [MemberData(nameof(FamilyModels.Names), MemberType = typeof(FamilyModels))]
    public void A_policy_that_has_not_moved_has_ratio_1_and_divergence_0_exactly(string family)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(FamilyModels.All[family]);
        using var copy = new FrozenModel(TinyModel.Random(FamilyModels.All[family]));
        using var lora = new LoraWeights(TinyModel.Random(FamilyModels.All[family]), new LoraOptions { Rank = 2 });
        using var under = new LoraReference(lora);
        using var prompted = TinyModel.Random(FamilyModels.All[family]);
        using var vectors = new PromptTuningWeights(prompted, new PromptTuningOptions { NumVirtualTokens = 6 });
        using var frozen = vectors.NewReference();
        (ITrainedWeights, IReferenceModel)[] all = [(new FullWeights(model), copy), (lora, under), (vectors, frozen)];
        foreach (var (weights, reference) in all)
        {
            var method = New(weights, reference, TinyPrompts.Options());
            for (int step = 0; step < 2; step++)
            {
                using var sums = TinyPrompts.Step(weights, method, step);

                Assert.Equal((1.0, 0.0, 0.0), (sums.Measures["ratio"], sums.Measures["kl"], sums.Measures["clip_share"]));
                Assert.Equal(0, sums.Loss.item<float>(), 1e-6);      // the advantages of a group add up to 0
                Assert.Contains(weights.Parameters, entry => entry.Parameter.grad is not null);
            }
        }
        lora.Model.Dispose();
    }

    /// <summary>
    /// The oracle computes the loss of the same answers and noise from the logits of single rows, and lets libtorch differentiate all of
    /// it.
    /// </summary>
    [Theory]
    [InlineData(2, 0.1, 0.2, 100)]
    [InlineData(3, 0, 0.01, 4)]
    [InlineData(1, 1, 0.2, 1)]
    public void Loss_and_gradient_of_a_later_step_are_those_of_the_formula(int numSamples, double beta, double clip, int microBatch)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var lora = TinyPairs.Moved(model);
        using var reference = new FrozenModel(TinyModel.Random());
        using var old = TinyModel.Random();
        using var oldLora = TinyPairs.Moved(old);
        var options = TinyPrompts.Options(new ReinforcementOptions
        {
            GroupSize = 3, MaxAnswerTokens = 5, NumSamples = numSamples, Beta = beta, ClipRange = clip,
        }) with { MicroBatchSize = microBatch };
        var method = New(lora, reference, options);
        TinyPrompts.Step(lora, method, step: 2).Dispose();
        Scale(lora, 0.8);

        using var sums = TinyPrompts.Step(lora, method, step: 3);
        Tensor[] found = [.. lora.Parameters.Select(entry => entry.Parameter.grad!.clone())];
        foreach (var (_, parameter) in lora.Parameters)
            parameter.grad = null;
        var expected = Oracle(model, old, reference, options);
        expected.backward();

        Assert.Equal(expected.item<float>(), sums.Loss.item<float>(), 1e-5);
        Assert.NotEqual(1, sums.Measures["ratio"], 1e-3);
        Assert.True(clip > 0.1 || sums.Measures["clip_share"] > 0.2);
        foreach (var ((name, parameter), gradient) in lora.Parameters.Zip(found))
            TensorAssert.SameGradient(parameter.grad!, gradient, name);
    }

    [Fact]
    public void A_constant_added_to_all_rewards_changes_nothing()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var reference = new FrozenModel(TinyModel.Random(seed: 2));
        var weights = new FullWeights(model);
        (float Loss, float[] Gradient, double Reward) Step(double constant)
        {
            var method = New(weights, reference, TinyPrompts.Options(), (line, answer) => TinyPrompts.NumEven(line, answer) + constant);
            using var sums = TinyPrompts.Step(weights, method);
            return (sums.Loss.item<float>(), Flat(weights), sums.Measures["reward"]);
        }

        var (plain, shifted) = (Step(0), Step(-512));

        Assert.Equal(plain.Loss, shifted.Loss);
        Assert.Equal(plain.Gradient, shifted.Gradient);
        Assert.Equal(plain.Reward - 512, shifted.Reward, 1e-9);
    }

    [Fact]
    public void Groups_of_equal_rewards_are_passed_over_and_counted()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var reference = new FrozenModel(TinyModel.Random(seed: 2));
        var weights = new FullWeights(model);
        StepSums Step(Func<DataLine, bool> isEqual, int step = 0)
        {
            var method = New(weights, reference, TinyPrompts.Options(), (line, answer) => isEqual(line) ? 1 : answer.Sum());
            for (int before = 0; before < step; before++)
                TinyPrompts.Step(weights, method, before).Dispose();
            return TinyPrompts.Step(weights, method, step);
        }

        using var one = Step(line => line.Number == 2);
        Assert.Equal(1, one.Measures["skipped_groups"]);
        long passed = one.NumTokens;
        using var all = Step(_ => true, step: 1);

        Assert.Equal((3, 0, 1.0), (all.Measures["skipped_groups"], all.NumTokens, all.Measures["reward"]));
        Assert.Equal(0, all.Loss.item<float>());
        Assert.All(weights.Parameters, entry => Assert.Null(entry.Parameter.grad));
        using var none = Step(_ => false);
        Assert.True(passed < none.NumTokens);
        Assert.Equal(0, none.Measures["skipped_groups"]);
    }

    [Fact]
    public void An_answer_without_a_finite_reward_is_told_with_its_line()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var reference = new FrozenModel(TinyModel.Random());
        var weights = new FullWeights(model);
        var method = New(weights, reference, TinyPrompts.Options(), (line, _) => line.Number == 3 ? double.PositiveInfinity : 1);

        var exception = Assert.Throws<RewardException>(() => TinyPrompts.Step(weights, method));

        Assert.Equal("line 3: the reward of an answer is Infinity; it must be a finite number", exception.Message);
    }

    [Fact]
    public void Held_out_prompts_are_answered_by_the_same_draws_each_time()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var reference = new FrozenModel(TinyModel.Random());
        var method = New(new FullWeights(model), reference, TinyPrompts.Options());
        Dictionary<string, double> first = [], second = [];

        double loss = method.Validation(first).Sum(turn => turn()), again = method.Validation(second).Sum(turn => turn());

        Assert.Equal((loss, first["valid_reward"]), (again, second["valid_reward"]));
        Assert.Equal(-first["valid_reward"], loss);
        Assert.True(first["valid_reward"] > 0);
    }

    [Fact]
    public void A_model_that_does_not_sample_and_options_that_it_does_not_have_are_refused()
    {
        using var scope = NewDisposeScope();
        using var causal = TinyModel.Random(TinyModel.Config with { IsCausal = true });
        using var dream = TinyModel.Random(FamilyModels.All["Dream"]);
        using var reference = new FrozenModel(TinyModel.Random());
        string Refusal(MaskPredictor model, TrainingOptions options) =>
            Assert.Throws<ArgumentException>(() => New(new FullWeights(model), reference, options)).Message;

        Assert.Contains("twin", Refusal(causal, TinyPrompts.Options()), StringComparison.Ordinal);
        Assert.Contains("block_length", Refusal(dream, TinyPrompts.Options(new() { BlockLength = 4 })), StringComparison.Ordinal);
        Assert.Contains("no options", Refusal(dream, TinyPrompts.Options() with { Reinforcement = null }), StringComparison.Ordinal);
    }

    private static ReinforcementTraining New(
        ITrainedWeights weights, IReferenceModel reference, TrainingOptions options, AnswerReward? reward = null) =>
        new(weights, reference, TinyPrompts.Unequal, TinyPrompts.Unequal, reward ?? TinyPrompts.NumEven, options);

    private static float[] Flat(FullWeights weights) =>
        [.. weights.Parameters.SelectMany(entry => entry.Parameter.grad?.data<float>().ToArray() ?? [])];

    private static void Scale(LoraWeights lora, double factor)
    {
        using var noGradient = no_grad();
        using var scalar = factor.ToScalar();
        foreach (var (_, parameter) in lora.Parameters)
            parameter.mul_(scalar);
    }

    /// <summary>Of step 3, the second one of round 1.</summary>
    private static Tensor Oracle(MaskPredictor model, MaskPredictor old, FrozenModel reference, TrainingOptions options)
    {
        var reinforcement = options.Reinforcement!;
        var random = new CounterRandom((ulong)options.Seed);
        var prompts = TinyPrompts.Unequal.Batch(1, 3);
        int[][] answers = new int[9][];
        foreach (var turn in new Rollouts(old, reinforcement, 2048, numTokens: null).Turns(prompts, random, 1, answers))
            turn();
        var noise = new BoundNoise(random, reinforcement.Samples);
        Tensor total = zeros(1);
        int number = 0;     // noise counts the answers of groups with spread
        for (int prompt = 0; prompt < 3; prompt++)
        {
            double[] rewards = [.. Enumerable.Range(0, 3).Select(index => Reward(answers[(3 * prompt) + index]))];
            for (int index = 0; index < 3 && rewards.Distinct().Count() > 1; index++)
            {
                int[] answer = answers[(3 * prompt) + index];
                double advantage = rewards[index] - ((rewards.Sum() - rewards[index]) / 2);
                int[][] masks = noise.Masks(3, number++, answer.Length);
                var bound = Bound(model, prompts.Rows[prompt][..prompts.Ends[prompt]], answer, masks);
                using var noGradient = no_grad();
                var held = Bound(old, prompts.Rows[prompt][..prompts.Ends[prompt]], answer, masks);
                var far = reference.Run(network => Bound(network, prompts.Rows[prompt][..prompts.Ends[prompt]], answer, masks));
                using var gradient = enable_grad();
                var ratio = ((bound - held) / answer.Length).exp();
                var clipped = ratio.clamp(1 - reinforcement.ClipRange, 1 + reinforcement.ClipRange);
                total += -minimum(ratio * advantage, clipped * advantage)
                    + (reinforcement.Beta * (bound - far) * (bound - far) / (2 * answer.Length));
            }
        }
        return total / 9;

        static double Reward(int[] answer) =>
            TinyPrompts.NumEven(null!, [.. answer.Where(token => !TinyModel.Config.IsEnd(token))]);
    }

    private static Tensor Bound(MaskPredictor network, int[] prompt, int[] answer, int[][] masks)
    {
        var sum = zeros(1);
        foreach (int[] mask in masks)
        {
            long[] canvas = [.. prompt.Concat(answer).Select(token => (long)token)];
            foreach (int place in mask)
                canvas[prompt.Length + place] = TinyModel.Mask;
            var logs = nn.functional.log_softmax(network.forward(TinyModel.Canvas(canvas)), -1)[0];
            foreach (int place in mask)
                sum += logs[prompt.Length + place, answer[place]] * ((double)answer.Length / mask.Length / masks.Length);
        }
        return sum;
    }
}
