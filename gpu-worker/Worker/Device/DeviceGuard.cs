using LLaDA.Batch.Shared;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Device;

/// <summary>
/// Ends the process when its device no longer works: an error of a graphics card may last as long as the process, so that every later
/// message would fail.
/// </summary>
internal sealed partial class DeviceGuard(
    Hardware hardware, TensorThread tensors, IHostApplicationLifetime lifetime, ILogger<DeviceGuard> logger)
{
    /// <summary>Whether the process ends for that reason; it then exits as failed, so that the platform starts another.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Runs the work of a message, and checks the device if it fails.</summary>
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
        using var one = ones(1, device: hardware.Device);
        using var two = one + one;
        return two.item<float>();
    }

    [LoggerMessage(EventId = 306, Level = LogLevel.Critical,
        Message = "The device no longer works; stopping the process and returning its work to the queue")]
    private static partial void LogBroken(ILogger logger);
}
