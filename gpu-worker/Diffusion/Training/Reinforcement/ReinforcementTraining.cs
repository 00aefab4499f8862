using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Training.Bounds;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training.Reinforcement;

/// <summary>
/// Learns from rewards of the policy's own answers: ESPO (ELBO-based sequence-level policy optimisation, arXiv 2512.03759). A round samples
/// groups of answers and judges them, and each of its steps raises the bounds of those that are better than the others of their group.
/// </summary>
/// <remarks>
/// Each step has noise of its own, which policy, old policy and reference share. As in <see cref="Preferences.PreferenceTraining"/> every
/// row passes twice, since the slope of an answer is known when all of its rows are scored.
/// </remarks>
public sealed class ReinforcementTraining : ITrainingMethod
{
    private const int ValidationPrompts = 64;

    private readonly ITrainedWeights _policy;
    private readonly IReferenceModel _reference;
    private readonly ITrainingData _prompts;
    private readonly ITrainingData? _validation;
    private readonly AnswerReward _reward;
    private readonly TrainingOptions _options;
    private readonly ReinforcementOptions _reinforcement;
    private readonly DiffusionObjective _objective;
    private readonly BoundPasses _passes;
    private readonly Rollouts _rollouts;
    private readonly CounterRandom _random;
    private Round? _round;

    /// <param name="prompts">Rows of which nothing is learnt; the longest leaves room for an answer.</param>
    /// <param name="validation">Likewise; null where nothing is held out.</param>
    /// <param name="options">With those of reinforcement.</param>
    /// <param name="numTokens">As for <see cref="Sampler"/>.</param>
    /// <exception cref="ArgumentException">
    /// The options have none of reinforcement, or one that the model does not have; or the model is an autoregressive twin.
    /// </exception>
    public ReinforcementTraining(
        ITrainedWeights policy, IReferenceModel reference, ITrainingData prompts, ITrainingData? validation, AnswerReward reward,
        TrainingOptions options, int? numTokens = null)
    {
        (_policy, _reference, _prompts, _validation) = (policy, reference, prompts, validation);
        (_reward, _options, _random) = (reward, options, new CounterRandom((ulong)options.Seed));
        _reinforcement = options.Reinforcement ?? throw new ArgumentException("There are no options of reinforcement", nameof(options));
        var config = policy.Model.Config;
        if (config.IsCausal)
            throw new ArgumentException("An autoregressive twin does not sample by denoising, so it cannot be reinforced", nameof(policy));
        if (_reinforcement.SamplingErrors(config).FirstOrDefault() is { } error)
            throw new ArgumentException(error.Sentence, nameof(options));
        _objective = options.FamilyObjective ?? DiffusionObjective.Of(config);
        _passes = new BoundPasses(config, _objective, _reinforcement.Samples, options.MicroBatchSize ?? options.RowsOfStep);
        _rollouts = new Rollouts(policy.Model, _reinforcement, PassTokens(policy, options, prompts.MaxLength), numTokens);
    }

    public string Objective => $"{_reinforcement.Objective}, {_options.Updates}"
        + (_objective == DiffusionObjective.LLaDA ? "" : $", {_objective.Name}");

    public string Fingerprint => _prompts.Fingerprint;

    public int MaxLength => _prompts.MaxLength;

    public int? ValidationLength => _validation?.MaxLength;

    public int StepsOfRound => _reinforcement.NumIterations;

    public IEnumerable<Action> Gradient(int step, StepSums sums)
    {
        var (index, iteration) = Math.DivRem(step, StepsOfRound);
        if (iteration == 0)
        {
            foreach (var turn in Begin(index, sums))
                yield return turn;
        }
        var round = _round?.Index == index ? _round : throw new InvalidOperationException($"Step {step} is within a round");
        var policy = new ResponseBounds(round.Answers.BatchSize);
        foreach (var rows in Passes(round, iteration))
        {
            yield return () =>
            {
                policy.Add(rows, DiffusionLoss.EvaluateRows(_policy.Model, rows.Batch));
                sums.AddForwardPass(rows.Batch);
            };
        }
        var answers = round.Scored(iteration, policy);
        yield return () => Report(round, answers, sums);
        foreach (var rows in Passes(round, iteration))
        {
            yield return () =>
            {
                using var scope = NewDisposeScope();
                // Rows add up to the negative bound.
                var weighted = rows.Times(answer => -answers[answer].Slope(_reinforcement) / round.NumSampled);
                DiffusionLoss.Backward(_policy.Model, weighted, _options.ActivationCheckpointing);
                sums.AddPass(rows.Batch);
            };
        }
    }

    /// <summary>The negative mean reward of an answer to each of up to 64 held-out prompts, drawn by the same seeds each time.</summary>
    public IEnumerable<Func<double>> Validation(IDictionary<string, double> measures)
    {
        var held = _validation ?? throw new InvalidOperationException("There are no held-out prompts");
        var prompts = held.Batch(step: 0, Math.Min(ValidationPrompts, held.NumRows));
        int[][] answers = new int[prompts.BatchSize][];
        foreach (var turn in _rollouts.Turns(prompts, new CounterRandom(0), round: 0, answers))
        {
            yield return () =>
            {
                turn();
                return 0;
            };
        }
        double[] rewards = new double[answers.Length];
        foreach (var turn in Judge(prompts, answers, rewards))
        {
            yield return () =>
            {
                turn();
                return 0;
            };
        }
        yield return () =>
        {
            measures["valid_reward"] = rewards.Average();
            return -measures["valid_reward"];
        };
    }

    /// <summary>Samples and judges the answers of a round, and scores them by the two models that its steps do not change.</summary>
    private IEnumerable<Action> Begin(int index, StepSums sums)
    {
        _round = null;
        var prompts = _prompts.Batch(index, _options.BatchSize);
        int[][] answers = new int[prompts.BatchSize * _reinforcement.GroupSize][];
        double[] rewards = new double[answers.Length];
        foreach (var turn in _rollouts.Turns(prompts, _random, (uint)index, answers).Concat(Judge(prompts, answers, rewards)))
            yield return turn;
        var round = Round.Of(index, prompts, answers, rewards, _reinforcement, _policy.Model.Config.EosTokenId);
        for (int iteration = 0; iteration < StepsOfRound; iteration++)
        {
            var (old, reference) = (round.Old[iteration], round.Reference[iteration]);
            foreach (var rows in Passes(round, iteration))
            {
                yield return () =>
                {
                    old.Add(rows, DiffusionLoss.EvaluateRows(_policy.Model, rows.Batch));
                    reference.Add(rows, _reference.Run(model => DiffusionLoss.EvaluateRows(model, rows.Batch)));
                    sums.AddForwardPass(rows.Batch);
                    sums.AddForwardPass(rows.Batch);
                };
            }
        }
        _round = round;
    }

    private IEnumerable<Action> Judge(TrainingBatch prompts, int[][] answers, double[] rewards)
    {
        int numAnswers = answers.Length / prompts.BatchSize;
        var lines = prompts.Lines ?? throw new InvalidOperationException("The prompts have no lines to judge answers by");
        return Enumerable.Range(0, answers.Length).Select(index => (Action)(() =>
        {
            var line = lines[index / numAnswers];
            int[] answer = answers[index];
            bool isEnded = answer.Length > 0 && _policy.Model.Config.IsEnd(answer[^1]);
            double reward = _reward(line, isEnded ? answer[..^1] : answer);
            rewards[index] = double.IsFinite(reward) ? reward : throw new RewardException(line, reward);
        }));
    }

    private IEnumerable<BoundRows> Passes(Round round, int iteration) =>
        _passes.Of(round.Answers, _random, (round.Index * StepsOfRound) + iteration);

    private void Report(Round round, ScoredAnswer[] answers, StepSums sums)
    {
        double Mean(Func<ScoredAnswer, double> value) => answers.Sum(value) / round.NumSampled;
        foreach (var (name, value) in round.Measures)
            sums.Measures[name] = value;
        sums.Measures["kl"] = Mean(answer => answer.Divergence);
        sums.Measures["ratio"] = answers.Length == 0 ? 1 : answers.Average(answer => answer.Ratio);
        sums.Measures["clip_share"] = Mean(answer => answer.IsClipped(_reinforcement) ? 1 : 0);
        sums.AddLoss(Mean(answer => answer.Loss(_reinforcement)));
    }

    /// <summary>Answers are sampled in the memory that a pass with a gradient takes, which is free meanwhile.</summary>
    private static int PassTokens(ITrainedWeights policy, TrainingOptions options, int length)
    {
        var model = policy.Model;
        long numTrained = policy.Parameters.Sum(entry => entry.Parameter.numel());
        var memory = TrainingMemory.Of(
            model.Config, numTrained, model.WeightType, model.ComputeType, options, model.Config.NumVirtualTokens + length, model.Device);
        return PassBudget.MaxTokens(model.Config, model.ComputeType, model.Device, memory.Activations + memory.Logits);
    }
}
