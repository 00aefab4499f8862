using System.Globalization;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Training;

/// <summary>
/// The most memory that a step of SFT takes with LLaDA's vocabulary, above weights, gradients and the optimizer's state. Linux only: it
/// reads the process's own high-water mark.
/// </summary>
internal static class StepMemory
{
    private const int BatchSize = 4, Length = 512, PromptLength = 32;

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
        using var model = new MaskPredictor(s_config, CPU, ScalarType.Float32, ScalarType.Float32);
        model.Initialize(1);
        var weights = new FullWeights(model);
        using var optimizer = new AdamW(DecayingParameter.Groups(weights.Parameters, 0.1), 0.9, 0.95);
        Step(model, optimizer, 8);
        long kept = 4L * 4 * s_config.NumParameters;
        optimizer.ClearGradients();
        GC.Collect();
        long before = Status("VmRSS") + (4L * s_config.NumParameters);
        File.WriteAllText("/proc/self/clear_refs", "5");
        Step(model, optimizer, Length);
        long peak = Status("VmHWM") - before, whole = 3L * BatchSize * Length * s_config.EmbeddingSize * 4;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"a step of {BatchSize} x {Length} tokens, every one of the answers masked, vocabulary {s_config.EmbeddingSize}, "
            + $"{s_config.NumLayers} layers of width {s_config.ModelWidth}: {peak / 1e6:F0} MB at most above {kept / 1e6:F0} MB of "
            + $"weights, gradients and optimizer; 3 x B x L x V x 4 bytes would be {whole / 1e6:F0} MB ({(double)peak / whole:P1})"));
    }

    private static void Step(MaskPredictor model, AdamW optimizer, int length)
    {
        var random = new Random(1);
        int[] prompts = [.. Enumerable.Repeat(Math.Min(PromptLength, length / 2), BatchSize)];
        int[][] x0 = [.. prompts.Select(_ => Enumerable.Range(0, length).Select(_ => random.Next(126_000)).ToArray())];
        var batch = ForwardProcess.Noise(x0, s_config.MaskTokenId, [1, 1, 1, 1], [.. x0.Select(row => new double[row.Length])])
            .RestorePrompts(prompts, x0);
        optimizer.ClearGradients();
        using (NewDisposeScope())
            DiffusionLoss.Backward(model, batch.Weigh(prompts, LossReduction.Answer));
        optimizer.Update(1e-4);
    }

    private static long Status(string field) =>
        1024 * long.Parse(
            File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
}
