using LLaDA.Batch.Functions.Http;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>What the host can do for <c>stream: true</c>.</summary>
/// <param name="AreServed">
/// Whether an answer reaches the client while it is written. Azure Functions buffers answers unless its host is known not to.
/// </param>
internal sealed record EventStreams(bool AreServed)
{
    /// <exception cref="ApiException">400.</exception>
    public void Require()
    {
        if (!AreServed)
            throw ApiException.InvalidRequest(
                "This host does not serve event streams; leave out 'stream', and the answer comes whole", "stream", "stream_not_offered");
    }
}
