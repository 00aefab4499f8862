using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.PromptTuning;
using LLaDA.Diffusion.Tests.Families;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;
using LLaDA.Diffusion.Training.Preferences;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training.Preferences;

public sealed class PreferenceTrainingTests
{
    [Theory]
    [InlineData(0, 0.693147)]
    [InlineData(0.2, 0.598139)]
    [InlineData(1, 0.313262)]
    [InlineData(-1, 1.313262)]
    [InlineData(-1000, 1000)]
    [InlineData(1000, 0)]
    public void Loss_of_a_margin(double margin, double loss) => Assert.Equal(loss, PreferenceScores.LossOf(margin), 1e-6);

    /// <summary>Only the same noise for both makes the difference of two estimates exactly zero.</summary>
    [Theory]
    [MemberData(nameof(FamilyModels.Names), MemberType = typeof(FamilyModels))]
    public void A_policy_that_is_its_reference_has_margin_zero_exactly_and_loss_ln_2(string family)
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
            var options = TinyPairs.Options(new PreferenceOptions { SftWeight = 0 });
            var method = new PreferenceTraining(weights, reference, TinyPairs.Unequal, null, options);

            using var sums = TinyPairs.Step(weights.Model, method);

            Assert.Equal(Math.Log(2), sums.Loss.item<float>(), 1e-6);
            Assert.Equal((0.0, 0.5), (sums.Measures["margin"], sums.Measures["accuracy"]));
            Assert.Equal(sums.Measures["chosen_reference_elbo"], sums.Measures["chosen_elbo"]);
            Assert.Equal(sums.Measures["rejected_reference_elbo"], sums.Measures["rejected_elbo"]);
            Assert.Contains(weights.Parameters, entry => entry.Parameter.grad is not null);
        }
        lora.Model.Dispose();
    }

    /// <summary>
    /// The oracle computes the loss of the same noise from the logits of single rows, and lets libtorch differentiate all of it at once.
    /// </summary>
    [Theory]
    [InlineData(0.2, 4, 0.05, false, 100)]
    [InlineData(0.5, 3, 0, true, 5)]
    [InlineData(0.1, 2, 0.5, false, 1)]
    public void Loss_and_gradient_are_those_of_the_formula(double beta, int numSamples, double sftWeight, bool normalizes, int microBatch)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var lora = TinyPairs.Moved(model);
        using var reference = new LoraReference(lora);
        Move(lora, 0.5);
        var preference = new PreferenceOptions
        {
            Beta = beta, NumSamples = numSamples, SftWeight = sftWeight, NormalizesLength = normalizes,
        };
        var options = TinyPairs.Options(preference) with { MicroBatchSize = microBatch };
        var method = new PreferenceTraining(lora, reference, TinyPairs.Unequal, null, options);

        using var sums = TinyPairs.Step(model, method);
        Tensor[] found = [.. lora.Parameters.Select(entry => entry.Parameter.grad!.clone())];
        foreach (var (_, parameter) in lora.Parameters)
            parameter.grad = null;
        var expected = Oracle(model, reference, TinyPairs.Unequal.Batch(0, 3), preference, options.Seed);
        expected.backward();

        Assert.Equal(expected.item<float>(), sums.Loss.item<float>(), 1e-5);
        Assert.NotEqual(0, sums.Measures["margin"], 1e-3);
        foreach (var ((name, parameter), gradient) in lora.Parameters.Zip(found))
            TensorAssert.SameGradient(parameter.grad!, gradient, name);
    }

    /// <summary>
    /// At equality the slopes of a pair and of the same pair exchanged cancel, so that the SFT term is left alone. Answers of one token
    /// leave no room for noise.
    /// </summary>
    [Fact]
    public void Where_policy_and_reference_are_equal_contrary_preferences_leave_the_gradient_of_the_SFT_term_alone()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var reference = new FrozenModel(TinyModel.Random());
        var weights = new FullWeights(model);
        var options = TinyPairs.Options(new PreferenceOptions { SftWeight = 0.3 }, batchSize: 2);
        var contrary = new TinyPairs(([1, 2, 3], [4], [5]), ([1, 2, 3], [5], [4]));
        using var sums = TinyPairs.Step(model, new PreferenceTraining(weights, reference, contrary, null, options));
        Tensor[] found = [.. weights.Parameters.Select(entry => entry.Parameter.grad!.clone())];

        model.zero_grad();
        int[][] rows = [[1, 2, 3, 4], [1, 2, 3, 5]];
        var masked = ForwardProcess.Noise(rows, TinyModel.Mask, [1, 1], [[1, 1, 1, 0], [1, 1, 1, 0]]);
        var sft = DiffusionLoss.SupervisedFineTuning(model, masked, [3, 3]).mul(0.3.ToScalar());
        sft.backward();

        Assert.Equal(Math.Log(2) + sft.item<float>(), sums.Loss.item<float>(), 1e-5);
        foreach (var ((name, parameter), gradient) in weights.Parameters.Zip(found))
            TensorAssert.SameGradient(parameter.grad!, gradient, name);
    }

    [Fact]
    public void A_policy_that_continues_an_adapter_is_held_against_that_adapter()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var lora = TinyPairs.Moved(model);
        using var reference = new LoraReference(lora);
        var method = new PreferenceTraining(lora, reference, TinyPairs.Unequal, null, TinyPairs.Options(new PreferenceOptions()));

        using var equal = TinyPairs.Step(model, method);
        var trained = model.Projections.Values.Select(projection => projection.Adapter).ToList();
        Move(lora, 0.5);
        using var moved = TinyPairs.Step(model, method);

        Assert.Equal(0, equal.Measures["margin"]);
        Assert.NotEqual(0, moved.Measures["margin"]);
        Assert.Equal(equal.Measures["chosen_reference_elbo"], moved.Measures["chosen_reference_elbo"]);
        Assert.Equal(trained, model.Projections.Values.Select(projection => projection.Adapter));
    }

    [Fact]
    public void An_autoregressive_twin_is_trained_by_its_exact_likelihoods()
    {
        using var scope = NewDisposeScope();
        var config = TinyModel.Config with { IsCausal = true };
        using var model = TinyModel.Random(config);
        using var reference = new FrozenModel(TinyModel.Random(config, seed: 2));
        var weights = new FullWeights(model);
        var method = new PreferenceTraining(weights, reference, TinyPairs.Unequal, null, TinyPairs.Options(new PreferenceOptions()));

        using var sums = TinyPairs.Step(model, method);

        var batch = TinyPairs.Unequal.Batch(0, 3);
        double chosen = Enumerable.Range(0, 3).Average(pair => LogLikelihood(model, batch, 2 * pair));
        Assert.Equal(chosen, sums.Measures["chosen_elbo"], 1e-4);
    }

    [Fact]
    public void Held_out_pairs_are_judged_under_the_same_noise_each_time()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var reference = new FrozenModel(TinyModel.Random(seed: 2));
        var method = new PreferenceTraining(
            new FullWeights(model), reference, TinyPairs.Unequal, TinyPairs.Unequal,
            TinyPairs.Options(new PreferenceOptions()) with { MicroBatchSize = 2 });
        Dictionary<string, double> first = [], second = [];

        double loss = method.Validation(first).Sum(turn => turn()), again = method.Validation(second).Sum(turn => turn());

        Assert.Equal((loss, first["valid_accuracy"]), (again, second["valid_accuracy"]));
        Assert.Equal(first["valid_preference_loss"] + (0.05 * PerToken()), loss, 1e-9);
        Assert.All(first.Keys, name => Assert.StartsWith("valid_", name, StringComparison.Ordinal));

        double PerToken() => (loss - first["valid_preference_loss"]) / 0.05;
    }

    private static void Move(LoraWeights lora, double factor)
    {
        using var noGradient = no_grad();
        using var scalar = factor.ToScalar();
        foreach (var (_, parameter) in lora.Parameters)
            parameter.mul_(scalar);
    }

    private static Tensor Oracle(
        MaskPredictor model, LoraReference reference, TrainingBatch batch, PreferenceOptions options, long seed)
    {
        var noise = new BoundNoise(new CounterRandom((ulong)seed), options.Samples);
        Tensor Bound(MaskPredictor network, int response)
        {
            int prompt = batch.PromptLengths[response], end = batch.Ends[response], length = end - prompt;
            var sum = zeros(1);
            foreach (int[] mask in noise.Masks(0, response, length))
            {
                long[] canvas = [.. batch.Rows[response][..end].Select(token => (long)token)];
                foreach (int place in mask)
                    canvas[prompt + place] = TinyModel.Mask;
                var logs = nn.functional.log_softmax(network.forward(TinyModel.Canvas(canvas)), -1)[0];
                foreach (int place in mask)
                    sum += logs[prompt + place, batch.Rows[response][prompt + place]] * ((double)length / mask.Length / options.NumSamples);
            }
            return sum;
        }

        Tensor total = zeros(1);
        for (int pair = 0; pair < batch.BatchSize / 2; pair++)
        {
            Tensor Gain(int response)
            {
                var held = reference.Run(network => Bound(network, response).detach());
                int length = options.NormalizesLength ? batch.Ends[response] - batch.PromptLengths[response] : 1;
                return (Bound(model, response) - held) / length;
            }
            var margin = options.Beta * (Gain(2 * pair) - Gain((2 * pair) + 1));
            int chosenLength = batch.Ends[2 * pair] - batch.PromptLengths[2 * pair];
            total += -nn.functional.logsigmoid(margin) - (options.SftWeight * Bound(model, 2 * pair) / chosenLength);
        }
        return total / (batch.BatchSize / 2);
    }

    private static double LogLikelihood(MaskPredictor model, TrainingBatch batch, int response)
    {
        using var noGradient = no_grad();
        int prompt = batch.PromptLengths[response], end = batch.Ends[response];
        var logs = nn.functional.log_softmax(
            model.forward(TinyModel.Canvas([.. batch.Rows[response][..end].Select(token => (long)token)])), -1)[0];
        return Enumerable.Range(prompt, end - prompt).Sum(place => (double)logs[place - 1, batch.Rows[response][place]].item<float>());
    }
}
