using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace LLaDA.Batch.Functions.Tests.Clocks;

/// <summary>A control plane whose host takes its time as a deployed one does, on a machine whose clock may jump.</summary>
internal sealed class JumpedPlane : IAsyncDisposable
{
    private readonly FaultyTransport _transport = new(Fault.None, 0);

    private JumpedPlane()
    {
    }

    public ControlPlane Plane { get; private set; } = null!;

    public static async Task<JumpedPlane> StartAsync(StorageFixture fixture, params (string Key, string Value)[] settings)
    {
        var jumped = new JumpedPlane();
        jumped.Plane = await ControlPlane.StartAsync(fixture, jumped.Compose, settings);
        return jumped;
    }

    /// <summary>Moves the clock of the machine; storage's stays right.</summary>
    public void Jump(int hours) => _transport.Clock!.Jump(TimeSpan.FromHours(hours));

    public async ValueTask DisposeAsync()
    {
        await Plane.DisposeAsync();
        _transport.Dispose();
    }

    private void Compose(IServiceCollection services)
    {
        var right = (TimeProvider)services.Last(service => service.ServiceType == typeof(TimeProvider)).ImplementationInstance!;
        services.AddSingleton(provider => _transport.Account(
            provider.GetRequiredService<IConfiguration>()["Storage:ConnectionString"]!, right, _ => { }));
        services.AddSingleton(provider => provider.GetRequiredService<StorageAccount>().Time);
    }
}
