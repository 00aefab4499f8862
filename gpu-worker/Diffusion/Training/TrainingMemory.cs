using System.Globalization;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// The memory that a training step takes at most, in bytes, from sizes alone: a job that cannot fit its device is refused before its
/// weights are loaded.
/// </summary>
/// <param name="Weights">
/// All of the network's, in the type they are kept in; adapters in float32; copies in the type of the products where that is another.
/// </param>
/// <param name="Gradients">Of what is trained, float32, and of the largest matrix once more, which is added to them.</param>
/// <param name="Optimizer">
/// Two moments, float32, for Muon too, which keeps one of most weights, and the moving average where one is kept.
/// </param>
/// <param name="Activations">What a forward pass keeps for the way back, and what one block computes on it.</param>
/// <param name="Logits">Those that exist at a time, with their probabilities and gradients.</param>
public sealed record TrainingMemory(long Weights, long Gradients, long Optimizer, long Activations, long Logits)
{
    private const int Float32Bytes = 4, BytesOfLogit = 16;

    /// <summary>A frozen copy of all weights, where the method compares with one and none lies under adapters.</summary>
    public long Reference { get; init; }

    public long Total => Weights + Reference + Gradients + Optimizer + Activations + Logits;

    /// <param name="numTrained">Weights that are trained; fewer than the network's are adapters beside it.</param>
    /// <param name="weightType">Type that the network's weights are kept in.</param>
    /// <param name="computeType">Type of the matrix products.</param>
    /// <param name="length">The longest row, in tokens.</param>
    /// <param name="device">Where the training runs; null for one that is no CPU.</param>
    public static TrainingMemory Of(
        LLaDAConfig config, long numTrained, ScalarType weightType, ScalarType computeType, TrainingOptions options, int length,
        Device? device = null)
    {
        long weightBytes = Bytes(weightType), computeBytes = Bytes(computeType);
        bool isFull = numTrained >= config.NumParameters;
        long kept = (config.NumParameters * weightBytes) + (isFull ? 0 : numTrained * Float32Bytes);
        long numCopied = config.NumNonEmbeddingParameters / (options.ActivationCheckpointing ? config.NumLayers : 1);
        long copies = weightType == computeType ? 0 : numCopied * computeBytes;
        long head = (long)config.EmbeddingSize * config.ModelWidth;
        long stack = config.Experts is { } experts ? (long)experts.NumExperts * experts.Width * config.ModelWidth : 0;
        long headCopy = weightType == computeType ? 0 : head * computeBytes;
        long largest = isFull ? Math.Max(head, stack) * (Float32Bytes + (weightType == computeType ? 0 : computeBytes)) : 0;

        // Block diffusion passes every row twice, noised and clean.
        bool isBlockDiffusion = (options.FamilyObjective ?? DiffusionObjective.Of(config)).IsBlockDiffusion;
        length = isBlockDiffusion ? 2 * length : length;
        long rows = RowsOfPass(options);
        long tokens = rows * length;
        bool keepsProbabilities = device is not null && EagerAttention.Suits(computeType, device, length);
        long probabilities = keepsProbabilities ? (((long)config.NumHeads * length) + config.QueryWidth) * computeBytes : 0;
        long ofBlock = (tokens * (BytesOfToken(config, weightBytes, computeBytes) + probabilities))
            + BytesOfPadding(config, tokens, computeBytes);
        long ofInputs = tokens * config.NumLayers * config.ModelWidth * weightBytes;
        long gradientsOfBlock = tokens * ((3L * config.ActiveFeedForwardWidth) + (4L * config.ModelWidth)) * computeBytes;
        // Who sees whom, as bits of a byte and as the numbers that attention adds.
        long mask = isBlockDiffusion ? rows * length * length * (1 + computeBytes) : 0;
        long final = tokens * config.ModelWidth * 4 * Float32Bytes;
        return new TrainingMemory(
            kept + copies + headCopy,
            (numTrained * Float32Bytes) + largest,
            numTrained * Float32Bytes * (options.EmaDecay is null ? 2 : 3),
            (options.ActivationCheckpointing ? ofInputs + ofBlock : config.NumLayers * ofBlock) + gradientsOfBlock + final + mask,
            Math.Min(isBlockDiffusion ? tokens / 2 : tokens, DiffusionLoss.ChunkSize(config)) * config.EmbeddingSize * BytesOfLogit)
        {
            Reference = options.HasReference && isFull ? config.NumParameters * weightBytes : 0,
        };
    }

    /// <summary>
    /// Refuses a training that cannot fit the device. The limit is <see cref="TrainingOptions.DeviceBytes"/>, else on a CPU the memory of
    /// the process; other devices are then not checked.
    /// </summary>
    /// <exception cref="TrainingMemoryException">With the arithmetic, and with what would fit.</exception>
    public static void Require(
        LLaDAConfig config, long numTrained, ScalarType weightType, ScalarType computeType, TrainingOptions options, int length,
        Device device)
    {
        TrainingMemory Memory(TrainingOptions changed) => Of(config, numTrained, weightType, computeType, changed, length, device);
        long? processBytes = device.type == TorchSharp.DeviceType.CPU ? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes : null;
        var memory = Memory(options);
        if ((options.DeviceBytes ?? processBytes) is not { } available || memory.Total <= available)
            return;

        var (recomputed, single) = (options with { ActivationCheckpointing = true }, options with { MicroBatchSize = 1 });
        (string Change, TrainingMemory Memory)[] changes =
        [
            ("with activation checkpointing", Memory(recomputed)),
            ("with passes of one row", Memory(single)),
            ("with activation checkpointing and passes of one row", Memory(recomputed with { MicroBatchSize = 1 })),
        ];
        var fitting = Array.Find(changes, change => change.Memory.Total <= available);
        string remedy = fitting.Change is null
            ? "No batch is small enough"
            : $"It fits {fitting.Change}: {Gigabytes(fitting.Memory.Total)} GB";
        throw new TrainingMemoryException(
            $"Training {numTrained:N0} weights of a model of {config.NumParameters:N0}, {RowsOfPass(options)} x {length} tokens a pass, "
            + $"does not fit {Gigabytes(available)} GB: {memory}. {remedy}");
    }

    public override string ToString() =>
        $"weights {Gigabytes(Weights)} + {(Reference > 0 ? $"reference {Gigabytes(Reference)} + " : "")}"
        + $"gradients {Gigabytes(Gradients)} + optimizer {Gigabytes(Optimizer)} "
        + $"+ activations {Gigabytes(Activations)} + logits {Gigabytes(Logits)} = {Gigabytes(Total)} GB";

    /// <summary>
    /// Bytes that libtorch keeps of a token in a block: two norms with their inputs, the inputs of the seven projections, queries, keys and
    /// values, the result of attention, and the gated layer.
    /// </summary>
    private static long BytesOfToken(LLaDAConfig config, long weightBytes, long computeBytes)
    {
        long width = config.ModelWidth, queryWidth = config.QueryWidth, keyValueWidth = config.KeyWidth;
        long norm = (2 * weightBytes) + (weightBytes == Float32Bytes ? 0 : Float32Bytes) + computeBytes;
        long attention = (queryWidth + (2 * keyValueWidth) + (2 * queryWidth)) * computeBytes;
        long headNorms = config.HasQkNorm ? (queryWidth + keyValueWidth) * (Float32Bytes + computeBytes) : 0;
        return (2 * width * norm) + attention + headNorms + (4L * config.ActiveFeedForwardWidth * computeBytes)
            + BytesOfRouting(config, computeBytes);
    }

    /// <summary>
    /// Bytes that are kept of a token besides for its experts: scores, and each choice's input, output and weighted output.
    /// </summary>
    private static long BytesOfRouting(LLaDAConfig config, long computeBytes) => config.Experts is { } experts
        ? (4L * experts.NumExperts * Float32Bytes) + (4L * experts.NumChosen * config.ModelWidth * computeBytes)
        : 0;

    /// <summary>Bytes that experts keep at most of the places that fill their tokens up (<see cref="ExpertPlan"/>).</summary>
    private static long BytesOfPadding(LLaDAConfig config, long tokens, long computeBytes) => config.Experts is { } experts
        ? Math.Min(experts.NumExperts, tokens * experts.NumChosen) * (RowMultiple.Largest - 1)
            * ((2L * config.ModelWidth) + (4L * experts.Width)) * computeBytes
        : 0;

    private static int RowsOfPass(TrainingOptions options) =>
        Math.Min(options.MicroBatchSize ?? options.RowsOfStep, options.RowsOfStep);

    private static long Bytes(ScalarType type) => type == ScalarType.Float32 ? 4 : 2;

    private static string Gigabytes(long bytes) => (bytes / 1e9).ToString(bytes < 1e9 ? "0.000" : "0.0", CultureInfo.InvariantCulture);
}
