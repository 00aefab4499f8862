using System.Diagnostics.CodeAnalysis;
using Azure.Core;
using Azure.Core.Pipeline;

namespace LLaDA.Batch.Testing.Fuzzing;

/// <summary>Storage that takes everything, finds every blob and no row, and answers at once.</summary>
/// <param name="tablePort">Of the service for tables, which answers without content.</param>
internal sealed class AcceptingTransport(int tablePort) : HttpPipelineTransport
{
    private static readonly HttpClientTransport s_requests = new();

    public override Request CreateRequest() => s_requests.CreateRequest();

    public override void Process(HttpMessage message) => throw new NotSupportedException("All calls are asynchronous");

    public override async ValueTask ProcessAsync(HttpMessage message)
    {
        if (message.Request.Content is { } content)
            await content.WriteToAsync(Stream.Null, message.CancellationToken);
        message.Response = new Answer(message.Request switch
        {
            { Uri.Port: var port } when port == tablePort => message.Request.Method != RequestMethod.Get ? 204
                : message.Request.Uri.Path.EndsWith("()", StringComparison.Ordinal) ? 200 : 404,
            { Method: var method } when method == RequestMethod.Head => 200,
            { Method: var method } when method == RequestMethod.Delete => 202,
            _ => 201,
        });
    }

    private sealed class Answer(int status) : Azure.Response
    {
        private static readonly Dictionary<string, string> s_headers = new(StringComparer.OrdinalIgnoreCase)
        {
            ["ETag"] = "\"1\"",
            ["Content-Length"] = "0",
            ["Last-Modified"] = "Sun, 06 Nov 1994 08:49:37 GMT",
        };

        public override int Status => status;

        public override string ReasonPhrase => "Injected";

        public override Stream? ContentStream { get; set; } = new MemoryStream("{\"value\":[]}"u8.ToArray());

        public override string ClientRequestId { get; set; } = "";

        public override void Dispose()
        {
        }

        protected override bool ContainsHeader(string name) => s_headers.ContainsKey(name);

        protected override IEnumerable<HttpHeader> EnumerateHeaders() =>
            s_headers.Select(header => new HttpHeader(header.Key, header.Value));

        protected override bool TryGetHeader(string name, [NotNullWhen(true)] out string? value) => s_headers.TryGetValue(name, out value);

        protected override bool TryGetHeaderValues(string name, [NotNullWhen(true)] out IEnumerable<string>? values)
        {
            values = s_headers.TryGetValue(name, out string? value) ? [value] : null;
            return values is not null;
        }
    }
}
