using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reinforcement;

namespace LLaDA.Diffusion.Tests.Training.Reinforcement;

/// <summary>Prompts given as tokens: every batch begins with the first one and repeats them.</summary>
internal sealed class TinyPrompts(int answerTokens, params int[][] prompts) : ITrainingData
{
    public static TinyPrompts Unequal { get; } = new(answerTokens: 5, [1, 2, 3], [9, 2], [3, 1, 4, 1]);

    public int NumRows => prompts.Length;

    public int MaxLength => prompts.Max(prompt => prompt.Length) + answerTokens;

    public string Fingerprint => "prompts";

    public static TrainingOptions Options(ReinforcementOptions? reinforcement = null, int batchSize = 3) => new()
    {
        BatchSize = batchSize,
        LearningRate = new LearningRateSchedule(3e-3, 3e-4, 2, 3, 6),
        CheckpointInterval = 1,
        ValidationInterval = 100,
        Reinforcement = reinforcement ?? new ReinforcementOptions { GroupSize = 3, MaxAnswerTokens = 5, Beta = 0.1 },
        Seed = 5,
    };

    /// <summary>How many tokens are even: an answer's reward that varies.</summary>
    public static double NumEven(DataLine line, IReadOnlyList<int> answer) => answer.Count(token => token % 2 == 0);

    /// <summary>Runs the turns of a step. The gradients are those of the weights.</summary>
    public static StepSums Step(ITrainedWeights weights, ReinforcementTraining method, int step = 0)
    {
        foreach (var (_, parameter) in weights.Parameters)
            parameter.grad = null;
        var sums = new StepSums(weights.Model);
        foreach (var turn in method.Gradient(step, sums))
            turn();
        return sums;
    }

    public TrainingBatch Batch(int step, int batchSize)
    {
        int[][] rows = [.. Enumerable.Range(0, batchSize).Select(row => prompts[row % prompts.Length])];
        int length = rows.Max(row => row.Length);
        int[] lengths = [.. rows.Select(row => row.Length)];
        return new TrainingBatch([.. rows.Select(row => (int[])[.. row, .. new int[length - row.Length]])], lengths, lengths)
        {
            Lines = [.. Enumerable.Range(0, batchSize).Select(row => new DataLine((row % prompts.Length) + 1, "{}"))],
        };
    }
}
