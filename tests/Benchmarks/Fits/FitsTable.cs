using System.Globalization;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Training;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Fits;

/// <summary>What a worker takes on with a model on a card.</summary>
/// <param name="PassTokens">Tokens that share a pass of generation, by the worker's planner; null where a canvas of full length does not
/// fit.</param>
/// <param name="Trainings">By kind and length.</param>
/// <param name="Int8Gigabytes">Of the weights in 8 bits.</param>
/// <param name="Int8PassTokens">Tokens that share a pass with them.</param>
internal sealed record Fit(
    string Model,
    string Card,
    double WeightGigabytes,
    int? PassTokens,
    double Int8Gigabytes,
    int? Int8PassTokens,
    IReadOnlyList<TrainingFit> Trainings);

/// <summary>The largest pass of a training that the worker's recipe chooses.</summary>
/// <param name="Rows">Null where not even one row fits.</param>
/// <param name="Recomputes">Whether activations are computed again.</param>
/// <param name="Gigabytes">Planned for weights, gradients, optimizer and pass.</param>
internal sealed record TrainingFit(string Kind, int Length, int? Rows, bool Recomputes, double? Gigabytes);

/// <summary>What fits where, by the arithmetic that the worker itself plans with: no tensor is made.</summary>
internal static class FitsTable
{
    /// <summary>Rows of a step: LLaDA's own batch in supervised fine-tuning, of which a pass takes as many as fit.</summary>
    private const int BatchSize = 256;

    private const int ShortLength = 512;

    /// <summary>Of products; Float16, which a T4 takes, is as large.</summary>
    private const ScalarType Type = ScalarType.BFloat16;

    /// <summary>
    /// What the template plans with on a T4 and an A100 (infra/modules/workers.bicep), their memory less what driver and kernels take; an
    /// H100 has as much as an A100. A T4, which has no bfloat16, trains in float32.
    /// </summary>
    private static readonly (string Name, long Bytes, ScalarType TrainingType)[] s_cards =
    [
        ("T4 16 GB", 14L << 30, ScalarType.Float32), ("A100 80 GB", 76L << 30, Type), ("H100 80 GB", 76L << 30, Type),
    ];

    /// <summary>LLaDA-8B.</summary>
    public static LLaDAConfig Large { get; } = new()
    {
        ModelWidth = 4096,
        NumLayers = 32,
        NumHeads = 32,
        NumKeyValueHeads = 32,
        FeedForwardWidth = 12_288,
        VocabularySize = 126_464,
        EmbeddingSize = 126_464,
        MaxSequenceLength = 4096,
        MaskTokenId = 126_336,
        EosTokenId = 126_081,
        PadTokenId = 126_081,
    };

    /// <summary>The 1B model of LLaDA's paper.</summary>
    private static readonly LLaDAConfig s_small =
        Large with { ModelWidth = 2048, NumLayers = 22, NumKeyValueHeads = 4, FeedForwardWidth = 5634 };

    private static readonly LLaDAConfig s_llada2 = Large with
    {
        Family = ModelFamilies.LLaDA2, ModelWidth = 2048, NumLayers = 20, NumHeads = 16, NumKeyValueHeads = 4, HeadWidth = 128,
        RotaryWidth = 64, FeedForwardWidth = 5120, VocabularySize = 157_184, EmbeddingSize = 157_184, MaxSequenceLength = 32_768,
        BlockLength = 32, HasQkNorm = true,
        Experts = new ExpertConfig
        {
            Router = RouterKind.Sigmoid, NumExperts = 256, NumChosen = 8, Width = 512, SharedWidth = 512, HasBias = true, NumGroups = 8,
            NumChosenGroups = 4, Scale = 2.5, DenseLayers = [0],
        },
    };

    private static readonly LLaDAConfig s_lladaMoe = s_llada2 with
    {
        Family = ModelFamilies.LLaDAMoE, NumLayers = 16, NumKeyValueHeads = 16, RotaryWidth = 128, FeedForwardWidth = 0,
        MaxSequenceLength = 8192, BlockLength = null,
        Experts = new ExpertConfig { Router = RouterKind.Softmax, NumExperts = 64, NumChosen = 8, Width = 1024 },
    };

    private static readonly LLaDAConfig s_dream = Large with
    {
        Family = ModelFamilies.Dream, ModelWidth = 3584, NumLayers = 28, NumHeads = 28, NumKeyValueHeads = 4, FeedForwardWidth = 18_944,
        VocabularySize = 152_064, EmbeddingSize = 152_064, MaxSequenceLength = 32_768, HasQkvBias = true,
    };

    private static readonly LLaDAConfig s_sdar = Large with
    {
        Family = ModelFamilies.Sdar, NumLayers = 36, NumKeyValueHeads = 8, VocabularySize = 151_936, EmbeddingSize = 151_936,
        MaxSequenceLength = 32_768, HasQkNorm = true, BlockLength = 4,
    };

    public static void Run(string bundled, FileInfo? json)
    {
        (string, LLaDAConfig)[] models = [
            ("LLaDA-8B", Large), ("LLaDA-1B", s_small), ("LLaDA-MoE-7B-A1B", s_lladaMoe), ("LLaDA2-mini", s_llada2),
            ("Dream-7B", s_dream), ("SDAR-8B", s_sdar),
            (Path.GetFileName(bundled), LLaDAConfigJson.Read(Path.Combine(bundled, Checkpoint.ConfigFile)))];
        List<Fit> fits = [.. models.SelectMany(model => s_cards.Select(
            card => Of(model.Item1, model.Item2, card.Name, card.Bytes, card.TrainingType)))];

        static string[] Columns(string kind) => [$"{kind}: rows of {ShortLength}", $"{kind}: rows of the context"];
        string[] kinds = [.. fits[0].Trainings.Select(training => training.Kind).Distinct()];
        Console.WriteLine(
            $"| model | card | weights, GB | generation: tokens a pass (rows of {ShortLength}) | in 8 bits, GB | generation in 8 bits | "
            + $"{string.Join(" | ", kinds.SelectMany(Columns))} |");
        Console.WriteLine($"| --- | --- | --- | --- | {string.Join(" | ", Enumerable.Repeat("---", 2 + (2 * kinds.Length)))} |");
        foreach (var fit in fits)
        {
            static string Pass(int? tokens) => tokens is { } count ? Invariant($"{count:N0} ({count / ShortLength:N0})") : "no";
            Console.WriteLine(
                Invariant($"| {fit.Model} | {fit.Card} | {fit.WeightGigabytes:0.00} | {Pass(fit.PassTokens)} | ")
                + Invariant($"{fit.Int8Gigabytes:0.00} | {Pass(fit.Int8PassTokens)} | ")
                + $"{string.Join(" | ", fit.Trainings.Select(Cell))} |");
        }
        if (json is not null)
            ResultFile.Write(json.FullName, fits);
    }

    private static Fit Of(string model, LLaDAConfig config, string card, long bytes, ScalarType trainingType)
    {
        var hardware = new Hardware(META, Type, bytes);
        int? PassTokens(ScalarType weights)
        {
            long free = hardware.PassBytes(config, weights);
            bool isFitting = PassBudget.FittingTokens(config, Type, free) >= PassBudget.TokensOfLongestRow(config, Type);
            return isFitting ? PassBudget.MaxTokens(config, Type, hardware.Device, free) : null;
        }
        int[] lengths = [Math.Min(ShortLength, config.MaxSequenceLength), config.MaxSequenceLength];
        long adapters = new LoraOptions().NumParameters(config);
        return new Fit(
            model, card, WeightBytes.Of(config, Type, Type) / 1e9, PassTokens(Type),
            WeightBytes.Of(config, ScalarType.Int8, Type) / 1e9, PassTokens(ScalarType.Int8),
        [
            .. lengths.Select(length => Training("LoRA", config, adapters, trainingType, trainingType, length, bytes)),
            .. lengths.Select(length => Training(
                "full", config, config.NumParameters, ScalarType.Float32, trainingType, length, bytes)),
        ]);
    }

    private static TrainingFit Training(
        string kind, LLaDAConfig config, long numTrained, ScalarType weightType, ScalarType computeType, int length, long bytes)
    {
        var options = new TrainingOptions { BatchSize = BatchSize, LearningRate = new(1e-4, 1e-5, 1, 1, 10), DeviceBytes = bytes };
        try
        {
            var fitting = TrainingRecipe.Fitting(options, config, numTrained, weightType, computeType, length, META);
            return new TrainingFit(
                kind, length, fitting.MicroBatchSize, fitting.ActivationCheckpointing,
                TrainingMemory.Of(config, numTrained, weightType, computeType, fitting, length).Total / 1e9);
        }
        catch (TrainingMemoryException)
        {
            return new TrainingFit(kind, length, null, false, null);
        }
    }

    private static string Cell(TrainingFit training) =>
        training.Rows is { } rows ? Invariant($"{rows}{(training.Recomputes ? " *" : "")} ({training.Gigabytes:0.0} GB)") : "no";

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
