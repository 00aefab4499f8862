using Azure;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Tests;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace LLaDA.Batch.Functions.Tests;

/// <summary>Calls to storage that a test lets fail, by method and path.</summary>
public sealed class StorageFaults : HttpPipelineSynchronousPolicy
{
    /// <summary>Calls that storage refuses.</summary>
    public Func<string, bool> Refuses { get; set; } = _ => false;

    /// <summary>Calls whose answer gets lost, the first one of each.</summary>
    public Func<string, bool> Loses { get; set; } = _ => false;

    public Task<ControlPlane> StartAsync(StorageFixture fixture) => ControlPlane.StartAsync(fixture, services => services.AddSingleton(provider =>
    {
        var options = new StorageOptions { ConnectionString = provider.GetRequiredService<IConfiguration>()["Storage:ConnectionString"] };
        return new StorageAccount(options, client => client.AddPolicy(this, HttpPipelinePosition.PerRetry));
    }));

    public override void OnSendingRequest(HttpMessage message)
    {
        if (Refuses(Name(message)))
            throw new RequestFailedException(503, "Injected");
    }

    public override void OnReceivedResponse(HttpMessage message)
    {
        if (!Loses(Name(message)))
            return;
        Loses = _ => false;
        throw new IOException("Injected");
    }

    private static string Name(HttpMessage message) => $"{message.Request.Method} {message.Request.Uri.Path}";
}
