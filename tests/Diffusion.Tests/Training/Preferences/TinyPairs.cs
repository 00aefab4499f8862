using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Preferences;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training.Preferences;

/// <summary>Pairs given as tokens: every batch begins with the first one and repeats them.</summary>
internal sealed class TinyPairs(params (int[] Prompt, int[] Chosen, int[] Rejected)[] pairs) : ITrainingData
{
    /// <summary>Pairs of unequal lengths.</summary>
    public static TinyPairs Unequal { get; } = new(
        ([1, 2, 3], [4, 5, 6, TinyModel.Eos], [7, 8, TinyModel.Eos]),
        ([9, 2], [5, TinyModel.Eos], [6, 6, 6, 4, 1, TinyModel.Eos]),
        ([3, 1, 4, 1], [5, 9, 2], [6, 5, 3]));

    public int NumRows => pairs.Length;

    public int MaxLength => pairs.Max(pair => pair.Prompt.Length + Math.Max(pair.Chosen.Length, pair.Rejected.Length));

    public string Fingerprint => "pairs";

    public static TrainingOptions Options(PreferenceOptions preference, int batchSize = 3) => new()
    {
        BatchSize = batchSize,
        LearningRate = new LearningRateSchedule(3e-3, 3e-4, 2, 3, 6),
        CheckpointInterval = 2,
        ValidationInterval = 100,
        Preference = preference,
        Seed = 5,
    };

    /// <summary>An adapter that has left its base.</summary>
    public static LoraWeights Moved(MaskPredictor model)
    {
        var lora = new LoraWeights(model, new LoraOptions { Rank = 2 });
        Move(lora);
        return lora;
    }

    /// <summary>Gives the adapters weights of size 0.3.</summary>
    public static void Move(LoraWeights lora)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var random = new Generator(3);
        using var size = 0.3.ToScalar();
        foreach (var (_, parameter) in lora.Parameters)
            parameter.copy_(randn(parameter.shape, generator: random).mul(size));
    }

    /// <summary>What a step measures, without its gradient.</summary>
    public static IReadOnlyDictionary<string, double> Measures(MaskPredictor model, PreferenceTraining method, int step)
    {
        using var sums = new StepSums(model);
        foreach (var turn in method.Gradient(step, sums).TakeWhile(_ => sums.Measures.Count == 0))
            turn();
        return sums.Measures;
    }

    /// <summary>Runs the turns of a step. The gradients are those of the weights.</summary>
    public static StepSums Step(MaskPredictor model, PreferenceTraining method, int step = 0)
    {
        foreach (var parameter in model.parameters())
            parameter.grad = null;
        var sums = new StepSums(model);
        foreach (var turn in method.Gradient(step, sums))
            turn();
        return sums;
    }

    public TrainingBatch Batch(int step, int batchSize)
    {
        (int[] Prompt, int[] Answer)[] rows = [.. Enumerable.Range(0, batchSize).Select(index => pairs[index % pairs.Length])
            .SelectMany(pair => new[] { (pair.Prompt, pair.Chosen), (pair.Prompt, pair.Rejected) })];
        int length = rows.Max(row => row.Prompt.Length + row.Answer.Length);
        return new TrainingBatch(
            [.. rows.Select(row =>
                (int[])[.. row.Prompt, .. row.Answer, .. new int[length - row.Prompt.Length - row.Answer.Length]])],
            [.. rows.Select(row => row.Prompt.Length)],
            [.. rows.Select(row => row.Prompt.Length + row.Answer.Length)]);
    }
}
