using System.Globalization;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Device;

/// <summary>Where tensors live, and the type of products and of frozen weights there. Decided once a process.</summary>
/// <param name="DeviceBytes">Memory of the device; null on a CPU, whose memory is that of the process.</param>
internal sealed record Hardware(torch.Device Device, ScalarType ComputeType, long? DeviceBytes)
{
    /// <summary>Planned memory of a card of unknown size: 16 GB, the smallest on offer, less 2 GB for its driver.</summary>
    private const long UnknownDeviceBytes = 14L << 30;

    /// <summary>Tokens of all rows that share a forward pass; null plans them by model and memory.</summary>
    public int? BatchTokens { get; init; }

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
        var type = (options.BFloat16 ?? hasCuda) ? ScalarType.BFloat16 : ScalarType.Float32;
        long? bytes = hasCuda ? options.DeviceBytes ?? UnknownDeviceBytes : null;
        return new Hardware(hasCuda ? CUDA : CPU, type, bytes) { BatchTokens = options.BatchTokens };
    }

    /// <summary>Refuses a model whose weights do not fit, before memory is taken for them.</summary>
    /// <param name="model">Named in the error.</param>
    /// <exception cref="CheckpointException">With the arithmetic.</exception>
    public void RequireFit(LLaDAConfig config, string model)
    {
        long size = ComputeType.ElementSize(), needed = config.NumParameters * size;
        long available = DeviceBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed <= available)
            return;
        string place = DeviceBytes is null ? "this machine's memory" : "the card";
        throw new CheckpointException(model, string.Create(
            CultureInfo.InvariantCulture,
            $"has {config.NumParameters:N0} parameters of {size} bytes, {needed / 1e9:F1} GB of weights, and {place} has "
            + $"{available / 1e9:F1} GB: register it for a profile with more"));
    }

    /// <summary>
    /// Memory in bytes for the forward passes of one model: on a card all that its weights leave, on a CPU a quarter of the machine's.
    /// </summary>
    public long PassBytes(LLaDAConfig config)
    {
        const int share = 4;
        return DeviceBytes is { } bytes
            ? Math.Max(0, bytes - (config.NumParameters * ComputeType.ElementSize()))
            : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / share;
    }

    /// <summary>
    /// Part of that memory for keys and values that lines with the same beginning share, which only block-causal models can.
    /// </summary>
    public long PrefixBytes(LLaDAConfig config) => config.Family.IsBlockCausal ? PassBytes(config) / 16 : 0;

    /// <summary>Tokens of all rows that share a forward pass of one model.</summary>
    public int PassTokens(LLaDAConfig config) =>
        BatchTokens ?? PassBudget.MaxTokens(config, ComputeType, Device, PassBytes(config) - PrefixBytes(config));
}
