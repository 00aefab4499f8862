using System.Net;
using System.Text;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Answers;
using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Infra.Tests.Clients;

/// <summary>The client where the service is late or refuses.</summary>
public sealed class ClientTests : IDisposable
{
    private const string Answer = """{"id": "infill-1", "model": "m", "text": "the lazy dog", "spans": []}""";

    private readonly Service _service = new();

    [Fact]
    public async Task A_late_answer_is_fetched_from_where_the_service_says_for_as_long_as_it_takes()
    {
        _service.Answers = new(
        [
            Late(HttpStatusCode.ServiceUnavailable), Late(HttpStatusCode.Accepted), Late(HttpStatusCode.Accepted),
            Says(HttpStatusCode.OK, Answer),
        ]);

        var answer = await AskAsync();

        Assert.Equal("the lazy dog", answer.Text);
        const string fetched = "GET /v1/answers/a (wait=60)";
        Assert.Equal(["POST /v1/infill", fetched, fetched, fetched], _service.Asked);
    }

    [Theory]
    [InlineData(HttpStatusCode.ServiceUnavailable, false)]      // There is nothing to fetch.
    [InlineData(HttpStatusCode.BadRequest, false)]
    [InlineData(HttpStatusCode.GatewayTimeout, true)]           // A late answer that no worker gave.
    public async Task A_refusal_is_the_sentence_of_the_service_with_its_code(HttpStatusCode status, bool isLate)
    {
        var refusal = Says(status, """{"error": {"message": "No.", "code": "refused"}}""");
        _service.Answers = new(isLate ? [Late(HttpStatusCode.ServiceUnavailable), refusal] : [refusal]);

        var failure = await Assert.ThrowsAsync<ServiceException>(AskAsync);

        Assert.Equal(("No.", (int)status, "refused"), (failure.Message, failure.Status, failure.Code));
    }

    public void Dispose() => _service.Dispose();

    private async Task<InfillAnswer> AskAsync()
    {
        using var http = new HttpClient(_service, disposeHandler: false);
        using var client = new LLaDAClient(new Uri("http://service/"), "key", http);
        return await client.InfillAsync(new InfillRequest { Model = "m", Text = "the [MASK:1] dog" });
    }

    private static HttpResponseMessage Late(HttpStatusCode status)
    {
        var response = Says(status, """{"error": {"message": "Late.", "code": "answer_late"}}""");
        response.Headers.Location = new Uri("/v1/answers/a", UriKind.Relative);
        return response;
    }

    private static HttpResponseMessage Says(HttpStatusCode status, string json) =>
        new(status) { Content = new StringContent(json, Encoding.UTF8, "application/json") };

    private sealed class Service : HttpMessageHandler
    {
        public Queue<HttpResponseMessage> Answers { get; set; } = new();

        public List<string> Asked { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            string prefer = request.Headers.TryGetValues("Prefer", out var values) ? $" ({string.Join(',', values)})" : "";
            Asked.Add($"{request.Method} {request.RequestUri!.AbsolutePath}{prefer}");
            return Task.FromResult(Answers.Dequeue());
        }
    }
}
