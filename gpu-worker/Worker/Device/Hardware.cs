using LLaDA.Diffusion.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Device;

/// <summary>What a worker computes on.</summary>
public enum DeviceChoice
{
    /// <summary>The graphics card where there is one.</summary>
    Auto,

    Cpu,

    Cuda,
}

/// <summary>Where tensors live, and the type of products and of frozen weights there.</summary>
/// <param name="DeviceBytes">Memory of the device; null on a CPU, where it is what the process may use.</param>
public sealed record Hardware(torch.Device Device, ScalarType ComputeType, long? DeviceBytes)
{
    /// <summary>Memory that is planned with on a card of unknown size, that of the smallest which is offered, less what its driver takes.</summary>
    private const long UnknownDeviceBytes = 14L << 30;

    /// <summary>Asks libtorch what there is, which has to be loaded.</summary>
    /// <exception cref="InvalidOperationException">CUDA is asked for and not there.</exception>
    public static Hardware Of(WorkerOptions options)
    {
        bool hasCuda = options.Device != DeviceChoice.Cpu && cuda.is_available();
        if (options.Device == DeviceChoice.Cuda && !hasCuda)
            throw new InvalidOperationException($"{WorkerOptions.Section}:{nameof(WorkerOptions.Device)} is {DeviceChoice.Cuda}, but libtorch finds no CUDA device: is it a build with CUDA, and is there a driver?");
        var type = (options.BFloat16 ?? hasCuda) ? ScalarType.BFloat16 : ScalarType.Float32;
        return new Hardware(hasCuda ? CUDA : CPU, type, hasCuda ? options.DeviceBytes ?? UnknownDeviceBytes : null);
    }

    /// <summary>Memory for the passes of one model: on a card what its weights leave, elsewhere a share of the machine's; the rest is for weights, files and the system.</summary>
    public long PassBytes(LLaDAConfig config)
    {
        const int share = 4;
        return DeviceBytes is { } bytes
            ? Math.Max(0, bytes - (config.NumParameters * ComputeType.ElementSize()))
            : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / share;
    }
}
