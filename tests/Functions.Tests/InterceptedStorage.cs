using Azure.Core;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Tests;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace LLaDA.Batch.Functions.Tests;

/// <summary>A control plane whose calls to storage a test comes in between.</summary>
internal static class InterceptedStorage
{
    public static Task<ControlPlane> StartAsync(StorageFixture fixture, Interception interception) => ControlPlane.StartAsync(fixture, services => services.AddSingleton(provider =>
    {
        var options = new StorageOptions { ConnectionString = provider.GetRequiredService<IConfiguration>()["Storage:ConnectionString"] };
        return new StorageAccount(options, client => client.AddPolicy(interception, HttpPipelinePosition.PerCall));
    }));
}
