using Azure;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Testing;

/// <summary>
/// Makes calls to storage fail, or lets something happen around them.
/// A call is named by method and path, <c>PUT /account/container/blob</c>. Every handler may be changed while it is in use.
/// </summary>
/// <remarks><see cref="FaultyTransport"/> is the other kind of fault: the life of a whole process, by the number of a call.</remarks>
public sealed class StorageFaults : HttpPipelinePolicy
{
    /// <summary>Calls that storage refuses with 503, without effect.</summary>
    public Func<string, bool> Refuses { get; set; } = _ => false;

    /// <summary>Calls that take effect and whose answer is lost; only the first one.</summary>
    public Func<string, bool> Loses { get; set; } = _ => false;

    /// <summary>Runs before a call; what it throws, the call fails with.</summary>
    public Func<string, Task> Before { get; set; } = _ => Task.CompletedTask;

    /// <summary>Runs after a call that took effect; what it throws, the call fails with.</summary>
    public Func<string, Task> After { get; set; } = _ => Task.CompletedTask;

    /// <summary>A client whose calls meet these faults.</summary>
    /// <param name="position">Per try of a call, so that the client's retries see what a lost answer left; or per call, so that nothing is
    /// retried.</param>
    public StorageAccount Account(string connectionString, HttpPipelinePosition position = HttpPipelinePosition.PerRetry) =>
        new(new StorageOptions { ConnectionString = connectionString }, client => client.AddPolicy(this, position));

    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) =>
        throw new NotSupportedException("All calls are asynchronous");

    public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        string call = $"{message.Request.Method} {message.Request.Uri.ToUri().AbsolutePath}";
        if (Refuses(call))
            throw new RequestFailedException(503, "Injected");
        await Before(call);
        await ProcessNextAsync(message, pipeline);
        if (Loses(call))
        {
            Loses = _ => false;
            throw new IOException("Injected");
        }
        await After(call);
    }
}
