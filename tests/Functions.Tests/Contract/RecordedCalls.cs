using System.Net;

namespace LLaDA.Batch.Functions.Tests.Contract;

/// <summary>The calls of a client, and whether one is unanswered.</summary>
internal sealed class RecordedCalls() : DelegatingHandler(new SocketsHttpHandler())
{
    private int _unanswered;

    public List<HttpStatusCode> Answers { get; } = [];

    public int Unanswered => _unanswered;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _unanswered);
        var response = await base.SendAsync(request, cancellationToken);
        Interlocked.Decrement(ref _unanswered);
        Answers.Add(response.StatusCode);
        return response;
    }

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) =>
        throw new NotSupportedException("The tests call asynchronously");
}
