using System.Globalization;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;
using LLaDA.Diffusion.Training.Optimizers;
using LLaDA.Diffusion.Training.Preferences;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Training;

/// <summary>
/// The most memory that a step of SFT, and one of preferences, takes with LLaDA's vocabulary, above weights, gradients and the optimizer's
/// state. Linux only: it reads the process's own high-water mark.
/// </summary>
internal static class StepMemory
{
    private const int BatchSize = 4, Length = 512, ShortLength = 8, PromptLength = 32;

    private static readonly LLaDAConfig s_config = new()
    {
        ModelWidth = 256,
        NumLayers = 2,
        NumHeads = 4,
        NumKeyValueHeads = 4,
        FeedForwardWidth = 768,
        VocabularySize = 126_464,
        EmbeddingSize = 126_464,
        MaxSequenceLength = Length,
        MaskTokenId = 126_336,
        EosTokenId = 126_081,
        PadTokenId = 126_081,
    };

    public static void Run()
    {
        using var model = Model();
        using var reference = new FrozenModel(Model());
        var weights = new FullWeights(model);
        var options = new TrainingOptions { LearningRate = new LearningRateSchedule(1e-4, 1e-4, 0, 0, 1) };
        using var optimizer = new Optimizer(weights.Parameters, options, ScalarType.Float32);
        long sft = Peak(length => Denoise(model, length), optimizer);
        long preferences = Peak(length => Prefer(weights, reference, length), optimizer);
        long kept = 4L * 4 * s_config.NumParameters, whole = 3L * BatchSize * Length * s_config.EmbeddingSize * 4;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"a step of {BatchSize} x {Length} tokens, every one of the answers masked, vocabulary {s_config.EmbeddingSize}, "
            + $"{s_config.NumLayers} layers of width {s_config.ModelWidth}: {sft / 1e6:F0} MB at most above {kept / 1e6:F0} MB of "
            + $"weights, gradients and optimizer; 3 x B x L x V x 4 bytes would be {whole / 1e6:F0} MB ({(double)sft / whole:P1})"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"a step of preferences with as many tokens in a pass: {preferences / 1e6:F0} MB at most above these and the weights of the "
            + $"reference, {(double)preferences / sft:F2} times as much"));
    }

    private static MaskPredictor Model()
    {
        var model = new MaskPredictor(s_config, CPU, ScalarType.Float32, ScalarType.Float32);
        model.Initialize(1);
        return model;
    }

    /// <summary>The most memory of a step beyond what stays: weights, gradients and the optimizer's state.</summary>
    /// <param name="addGradient">Of rows of a length.</param>
    private static long Peak(Action<int> addGradient, Optimizer optimizer)
    {
        Step(ShortLength);
        optimizer.ClearGradients();
        GC.Collect();
        long before = Status("VmRSS") + (4L * s_config.NumParameters);
        File.WriteAllText("/proc/self/clear_refs", "5");
        Step(Length);
        return Status("VmHWM") - before;

        void Step(int length)
        {
            optimizer.ClearGradients();
            addGradient(length);
            optimizer.Update(1e-4, gradientScale: 1);
        }
    }

    private static void Denoise(MaskPredictor model, int length)
    {
        var random = new Random(1);
        int[] prompts = [.. Enumerable.Repeat(Math.Min(PromptLength, length / 2), BatchSize)];
        int[][] x0 = [.. prompts.Select(_ => RandomRow(random, length))];
        var batch = ForwardProcess.Noise(x0, s_config.MaskTokenId, [1, 1, 1, 1], [.. x0.Select(row => new double[row.Length])])
            .RestorePrompts(prompts, x0);
        using (NewDisposeScope())
            DiffusionLoss.Backward(model, batch.Weigh(prompts, LossReduction.Answer));
    }

    /// <summary>A pair, whose noised rows pass <see cref="BatchSize"/> at a time.</summary>
    private static void Prefer(FullWeights policy, FrozenModel reference, int length)
    {
        var options = new TrainingOptions
        {
            BatchSize = 1,
            MicroBatchSize = BatchSize,
            LearningRate = new LearningRateSchedule(1e-4, 1e-4, 0, 0, 1),
            Preference = new PreferenceOptions(),
        };
        var method = new PreferenceTraining(policy, reference, new OnePair(length), validation: null, options);
        using var sums = new StepSums(policy.Model);
        foreach (var turn in method.Gradient(step: 0, sums))
            turn();
    }

    private static int[] RandomRow(Random random, int length) => [.. Enumerable.Range(0, length).Select(_ => random.Next(126_000))];

    private static long Status(string field) =>
        1024 * long.Parse(
            File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);

    private sealed class OnePair(int length) : ITrainingData
    {
        public int NumRows => 1;

        public int MaxLength => length;

        public string Fingerprint => "one pair";

        public TrainingBatch Batch(int step, int batchSize)
        {
            var random = new Random(1);
            int prompt = Math.Min(PromptLength, length / 2);
            int[] row = RandomRow(random, length);
            return new TrainingBatch([row, [.. row[..prompt], .. RandomRow(random, length - prompt)]], [prompt, prompt], [length, length]);
        }
    }
}
