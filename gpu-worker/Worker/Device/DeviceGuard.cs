using LLaDA.Batch.Shared;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Device;

/// <summary>Ends the process when its device computes nothing any more: an error of a graphics card may last as long as the process, and each message that it takes would fail.</summary>
public sealed partial class DeviceGuard(WorkerOptions options, TensorThread tensors, IHostApplicationLifetime lifetime, ILogger<DeviceGuard> logger)
{
    /// <summary>Whether the process ends for that reason: then it has failed, and the platform starts another.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Runs the work of a message, and looks at the device when it fails.</summary>
    public async Task RunAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception failure) when (failure is not (OperationCanceledException or TryAgainException))
        {
            if (failure is BrokenDeviceException || !await tensors.SucceedsAsync(Compute, CancellationToken.None))
            {
                IsBroken = true;
                LogBroken(logger);
                lifetime.StopApplication();
            }
            throw;
        }
    }

    private float Compute()
    {
        using var one = ones(1, device: Hardware.Of(options).Device);
        using var two = one + one;
        return two.item<float>();
    }

    [LoggerMessage(EventId = 306, Level = LogLevel.Critical, Message = "The device computes nothing any more: the process ends, and its work goes back")]
    private static partial void LogBroken(ILogger logger);
}
