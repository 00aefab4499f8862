using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Tests.Training.Preferences;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;
using LLaDA.Diffusion.Training.Reinforcement;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training.Reinforcement;

/// <summary>
/// The mean of the gradient against the enumeration of all answers and all masks, on a vocabulary of four tokens and an end.
/// </summary>
public sealed class ReinforcementEstimateTests : IDisposable
{
    private const int Eos = 4, Mask = 5, GroupSize = 3, NumSteps = 48;
    private const double Beta = 0.5;

    private static readonly int[] s_prompt = [1, 2];
    private static readonly LLaDAConfig s_config = TinyModel.Config with
    {
        VocabularySize = 6, EmbeddingSize = 6, MaskTokenId = Mask, EosTokenId = Eos, PadTokenId = Eos, EotTokenId = null,
    };

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly MaskPredictor _model = TinyModel.Random(s_config);
    private readonly LoraWeights _policy;
    private readonly FrozenModel _reference = new(TinyModel.Random(s_config, seed: 2));

    public ReinforcementEstimateTests() => _policy = TinyPairs.Moved(_model);

    public void Dispose()
    {
        _reference.Dispose();
        _policy.Dispose();
        _model.Dispose();
        _scope.Dispose();
    }

    /// <summary>
    /// Within four standard errors, of which the steps tell, along the expected gradient and along six directions drawn at random.
    /// </summary>
    [Fact]
    public void Mean_of_the_gradients_is_that_over_all_answers_and_masks()
    {
        var options = TinyPrompts.Options(
            new ReinforcementOptions
            {
                GroupSize = GroupSize, NumIterations = 1, NumSamples = 1, MaxAnswerTokens = 2, SamplingSteps = 1, Beta = Beta,
            },
            batchSize: 48);
        var method = new ReinforcementTraining(
            _policy, _reference, new TinyPrompts(2, s_prompt), null, (_, answer) => Reward([.. answer]), options);
        double[][] found = [.. Enumerable.Range(0, NumSteps).Select(step =>
        {
            using var sums = TinyPrompts.Step(_policy, method, step);
            return Gradient();
        })];

        double[] expected = Expected();

        double norm = Math.Sqrt(Along(expected, expected));
        AssertMean(norm, [.. found.Select(gradient => Along(gradient, expected) / norm)], norm);
        var random = new Random(1);
        for (int count = 0; count < 6; count++)
        {
            double[] direction = [.. expected.Select(_ => random.Next(2) == 0 ? -1.0 : 1.0)];
            AssertMean(Along(expected, direction), [.. found.Select(gradient => Along(gradient, direction))], 10 * norm);
        }
    }

    private static void AssertMean(double expected, double[] found, double size)
    {
        double mean = found.Average();
        double error = Math.Sqrt(found.Sum(value => (value - mean) * (value - mean)) / (found.Length - 1) / found.Length);
        Assert.InRange(mean, expected - (4 * error), expected + (4 * error));
        Assert.InRange(error, 0, 0.1 * size);
    }

    private static double Along(double[] gradient, double[] direction) => gradient.Zip(direction, (left, right) => left * right).Sum();

    private static double Reward(int[] answer) => answer.Length + (answer.Contains(3) ? 2 : 0);

    private double[] Gradient() =>
        [.. _policy.Parameters.SelectMany(entry => entry.Parameter.grad!.data<float>().ToArray()).Select(value => (double)value)];

    /// <summary>
    /// By libtorch, of the sum over answers y and masks m of
    /// p(y) p(m) (-(r(y) - mean r) B_m(y) / l + beta (B_m(y) - B_ref)^2 / (2 l) q(y)), where
    /// q(y) is the probability that another answer of the group has another reward: without that the group is passed over.
    /// </summary>
    private double[] Expected()
    {
        foreach (var (_, parameter) in _policy.Parameters)
            parameter.grad = null;
        var answers = Answers();
        Assert.Equal(1, answers.Sum(answer => answer.Probability), 1e-6);
        double mean = answers.Sum(answer => answer.Probability * RewardOf(answer.Tokens));
        Tensor total = zeros(1);
        foreach (var (tokens, probability) in answers)
        {
            double reward = RewardOf(tokens), length = tokens.Length;
            double equal = answers.Where(other => RewardOf(other.Tokens) == reward).Sum(other => other.Probability);
            double counted = 1 - Math.Pow(equal, GroupSize - 1);
            (int[] Places, double Probability)[] masks = length == 1 ? [([0], 1)] : [([0], 0.25), ([1], 0.25), ([0, 1], 0.5)];
            foreach (var (places, probabilityOfMask) in masks)
            {
                var bound = Bound(_model, tokens, places);
                var apart = bound - _reference.Run(network => Bound(network, tokens, places));
                total += probability * probabilityOfMask
                    * ((-(reward - mean) * bound / length) + (counted * Beta * apart * apart / (2 * length)));
            }
        }
        total.backward();
        return Gradient();

        static double RewardOf(int[] tokens) => Reward(tokens[^1] == Eos ? tokens[..^1] : tokens);
    }

    /// <summary>One step fills both places at once, each from the distribution at two masks, in which no mask is predicted.</summary>
    private (int[] Tokens, double Probability)[] Answers()
    {
        using var noGradient = no_grad();
        var logits = _model.forward(TinyModel.Canvas([.. s_prompt.Select(token => (long)token), Mask, Mask]))[0];
        double[] At(int place) =>
            [.. logits[s_prompt.Length + place].narrow(0, 0, Mask).softmax(-1).data<float>().ToArray().Select(value => (double)value)];
        var (first, second) = (At(0), At(1));
        return
        [
            ([Eos], first[Eos]),
            .. Enumerable.Range(0, Eos).SelectMany(one => Enumerable.Range(0, Mask).Select(two =>
                ((int[])[one, two], first[one] * second[two]))),
        ];
    }

    private static Tensor Bound(MaskPredictor network, int[] answer, int[] mask)
    {
        long[] canvas = [.. s_prompt.Concat(answer).Select(token => (long)token)];
        foreach (int place in mask)
            canvas[s_prompt.Length + place] = Mask;
        var logs = nn.functional.log_softmax(network.forward(TinyModel.Canvas(canvas)), -1)[0];
        return mask.Aggregate(zeros(1), (sum, place) =>
            sum + (logs[s_prompt.Length + place, answer[place]] * ((double)answer.Length / mask.Length)));
    }
}
