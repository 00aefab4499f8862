using Azure.Core;
using Azure.Core.Pipeline;

namespace LLaDA.Tests;

/// <summary>Does something before or after requests to storage that fit: fails them, or lets somebody else come in between.</summary>
/// <param name="fits">Method and path of a request.</param>
internal sealed class Interception(Func<RequestMethod, string, bool> fits, Func<Task>? before = null, Func<Task>? after = null) : HttpPipelinePolicy
{
    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) => ProcessNext(message, pipeline);

    public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        bool isMeant = fits(message.Request.Method, message.Request.Uri.ToUri().AbsolutePath);
        if (isMeant && before is not null)
            await before();
        await ProcessNextAsync(message, pipeline);
        if (isMeant && after is not null)
            await after();
    }
}
