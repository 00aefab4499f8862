using System.Globalization;
using System.Runtime.InteropServices;
using LLaDA.Batch.Shared.Models;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Device;

/// <summary>Where tensors live, and the types of products and of frozen weights there. Decided once a process.</summary>
/// <param name="DeviceBytes">Memory of the device; null on a CPU, whose memory is that of the process.</param>
internal sealed record Hardware(torch.Device Device, ScalarType ComputeType, long? DeviceBytes)
{
    /// <summary>Planned memory of a card of unknown size: 16 GB, the smallest on offer, less 2 GB for its driver.</summary>
    private const long UnknownDeviceBytes = 14L << 30;

    /// <summary>
    /// A card computes float16 at least as fast as bfloat16. One that is made without bfloat16, as a T4 is, is expected to compute it
    /// several times as slowly.
    /// </summary>
    private const double SlowBFloat16 = 2;

    /// <summary>Tokens of all rows that share a forward pass; null plans them by model and memory.</summary>
    public int? BatchTokens { get; init; }

    /// <summary>Of models that were added without a type of their own.</summary>
    public WeightChoice Weights { get; init; }

    /// <summary>Queries libtorch, which must be loaded.</summary>
    /// <exception cref="InvalidOperationException">CUDA is required but not available.</exception>
    public static Hardware Of(DeviceOptions options)
    {
        bool hasCuda = options.Choice != DeviceChoice.Cpu && cuda.is_available();
        if (options.Choice == DeviceChoice.Cuda && !hasCuda)
        {
            throw new InvalidOperationException(
                $"Worker:Device is {DeviceChoice.Cuda}, but libtorch finds no CUDA device: "
                + "check that it is a CUDA build and that the driver is installed");
        }
        long? bytes = hasCuda ? options.DeviceBytes ?? UnknownDeviceBytes : null;
        return new Hardware(hasCuda ? CUDA : CPU, TypeOf(options.Products, hasCuda), bytes)
        {
            BatchTokens = options.BatchTokens, Weights = options.Weights,
        };
    }

    /// <summary>Type of the products in training: not Float16, since the smallest gradients lie below its numbers.</summary>
    public ScalarType TrainingType => ComputeType == ScalarType.Float16 ? ScalarType.Float32 : ComputeType;

    /// <summary>
    /// Type of a model's weights for prediction: 8 bits on a card where the model or the worker's default asks for them. A CPU computes
    /// slower with them, so there the weights have the type of the products.
    /// </summary>
    /// <param name="weights">Of the model.</param>
    public ScalarType WeightType(ModelWeights weights) =>
        DeviceBytes is not null && (weights == ModelWeights.Int8 || Weights == WeightChoice.Int8) ? ScalarType.Int8 : ComputeType;

    /// <summary>Refuses a model whose weights do not fit, before memory is taken for them.</summary>
    /// <param name="model">Named in the error.</param>
    /// <exception cref="CheckpointException">With the arithmetic.</exception>
    public void RequireFit(LLaDAConfig config, ScalarType weightType, string model)
    {
        long needed = Bytes(weightType), inInt8 = Bytes(ScalarType.Int8);
        long available = DeviceBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed <= available)
            return;
        string place = DeviceBytes is null ? "this machine's memory" : "the card";
        string advice = DeviceBytes is not null && weightType != ScalarType.Int8 && inInt8 <= available
            ? $"add it with --weights int8, in which it has {Gigabytes(inInt8)}, or for a profile with more"
            : "register it for a profile with more";
        throw new CheckpointException(model, string.Create(
            CultureInfo.InvariantCulture,
            $"has {config.NumParameters:N0} parameters, {Gigabytes(needed)} of weights, and {place} has {Gigabytes(available)}: {advice}"));

        long Bytes(ScalarType type) =>
            WeightBytes.Of(config, type, ComputeType) + WeightBytes.OfLargestMatrix(config, type, ComputeType);
    }

    /// <summary>
    /// Memory in bytes for the forward passes of one model: on a card all that its weights leave, on a CPU a quarter of the machine's.
    /// </summary>
    public long PassBytes(LLaDAConfig config, ScalarType weightType)
    {
        const int share = 4;
        return DeviceBytes is { } bytes
            ? Math.Max(0, bytes - WeightBytes.Of(config, weightType, ComputeType)
                - WeightBytes.OfLargestMatrix(config, weightType, ComputeType))
            : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / share;
    }

    /// <summary>
    /// Part of that memory for keys and values that lines with the same beginning share, which only block-causal models can.
    /// </summary>
    public long PrefixBytes(LLaDAConfig config, ScalarType weightType) =>
        config.Family.IsBlockCausal ? PassBytes(config, weightType) / 16 : 0;

    /// <summary>Tokens of all rows that share a forward pass of one model.</summary>
    public int PassTokens(LLaDAConfig config, ScalarType weightType) => BatchTokens
        ?? PassBudget.MaxTokens(config, ComputeType, Device, PassBytes(config, weightType) - PrefixBytes(config, weightType));

    private static string Gigabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:F1} GB");

    private static ScalarType TypeOf(ProductType products, bool hasCuda) => products switch
    {
        ProductType.Float32 => ScalarType.Float32,
        ProductType.BFloat16 => ScalarType.BFloat16,
        ProductType.Float16 => ScalarType.Float16,
        _ => hasCuda ? FasterType(type => MatmulThroughput.Measure(CUDA, type)) : ScalarType.Float32,
    };

    /// <summary>The type of a card's products, by how fast it multiplies in both.</summary>
    /// <param name="measure">Operations a second; throws where the device has no product of the type.</param>
    internal static ScalarType FasterType(Func<ScalarType, double> measure)
    {
        double ofFloat16 = measure(ScalarType.Float16), ofBFloat16 = 0;
        try
        {
            // Twice, since the device's clock may rise at first.
            ofBFloat16 = Math.Max(measure(ScalarType.BFloat16), measure(ScalarType.BFloat16));
        }
        catch (ExternalException)
        {
            // It has none.
        }
        return ofFloat16 > SlowBFloat16 * ofBFloat16 ? ScalarType.Float16 : ScalarType.BFloat16;
    }
}
