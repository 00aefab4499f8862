using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Storage.Blobs;
using LLaDA.Batch.Functions.Remote;
using LLaDA.Batch.Shared.Storage;
using Polly.CircuitBreaker;

namespace LLaDA.Batch.Functions.Folders;

/// <summary>
/// Calls storage accounts of clients: with short time limits, few tries and a circuit breaker each, so that an account that does not answer
/// delays no other work.
/// </summary>
internal sealed class ForeignAccounts(HostBreakers breakers) : HttpPipelinePolicy
{
    /// <summary>The longest time of a try of a call.</summary>
    private static readonly TimeSpan s_answerTime = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(500);

    private const int Retries = 1;

    /// <summary>The options of a client of such an account.</summary>
    public BlobClientOptions NewOptions()
    {
        var options = new BlobClientOptions
        {
            Retry = { MaxRetries = Retries, Delay = s_firstPause, NetworkTimeout = s_answerTime },
        };
        options.AddPolicy(this, HttpPipelinePosition.PerCall);
        return options;
    }

    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) =>
        throw new NotSupportedException("All calls are asynchronous");

    /// <exception cref="FolderUnavailableException">The account does not answer, or has failed several times before.</exception>
    public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        string host = message.Request.Uri.Host!;
        try
        {
            await breakers.Of(host).ExecuteAsync(async _ =>
            {
                await CallAsync(host, message, pipeline);
            }, message.CancellationToken);
        }
        catch (BrokenCircuitException broken)
        {
            throw new FolderUnavailableException(host, broken);
        }
    }

    private static async ValueTask CallAsync(string host, HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        try
        {
            await ProcessNextAsync(message, pipeline);
        }
        catch (Exception failure) when (StorageFault.Is(failure) && !message.CancellationToken.IsCancellationRequested)
        {
            throw new FolderUnavailableException(host, failure);
        }
        if (message.Response.Status is 408 or 429 or >= 500)
            throw new FolderUnavailableException(host);
    }
}
