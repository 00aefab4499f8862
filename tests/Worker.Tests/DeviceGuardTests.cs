using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Worker.Device;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;

namespace LLaDA.Batch.Worker.Tests;

public sealed class DeviceGuardTests : IDisposable
{
    private readonly TensorThread _tensors = new();
    private readonly ApplicationLifetime _lifetime = new(NullLogger<ApplicationLifetime>.Instance);

    [Fact]
    public async Task A_broken_device_ends_the_process_as_failed()
    {
        var guard = NewGuard(new WorkerOptions());

        await Assert.ThrowsAsync<BrokenDeviceException>(() => guard.RunAsync(() => throw new BrokenDeviceException(new InvalidOperationException())));

        Assert.True(guard.IsBroken);
        Assert.True(_lifetime.ApplicationStopping.IsCancellationRequested);
    }

    [Fact]
    public async Task Work_that_fails_on_a_device_that_works_does_not()
    {
        var guard = NewGuard(new WorkerOptions());

        await guard.RunAsync(() => Task.CompletedTask);
        await Assert.ThrowsAsync<IOException>(() => guard.RunAsync(() => throw new IOException()));

        Assert.False(guard.IsBroken);
        Assert.False(_lifetime.ApplicationStopping.IsCancellationRequested);
    }

    [Fact]
    public async Task A_failure_shows_that_the_device_is_gone()
    {
        Assert.SkipWhen(TorchSharp.torch.cuda.is_available(), "A device that is not there can be asked for only without a graphics card");
        var guard = NewGuard(new WorkerOptions { Device = DeviceChoice.Cuda });

        await Assert.ThrowsAsync<TryAgainException>(() => guard.RunAsync(() => throw new TryAgainException(TimeSpan.Zero, "later")));
        Assert.False(guard.IsBroken);
        await Assert.ThrowsAsync<IOException>(() => guard.RunAsync(() => throw new IOException()));

        Assert.True(guard.IsBroken);
    }

    public void Dispose() => _tensors.Dispose();

    private DeviceGuard NewGuard(WorkerOptions options) => new(options, _tensors, _lifetime, NullLogger<DeviceGuard>.Instance);
}
