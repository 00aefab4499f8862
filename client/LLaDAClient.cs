using LLaDA.Batch.Client.Answers;
using LLaDA.Batch.Client.Batches;
using LLaDA.Batch.Client.Files;
using LLaDA.Batch.Client.FineTuning;
using LLaDA.Batch.Client.Models;
using LLaDA.Batch.Client.Schedules;
using LLaDA.Batch.Client.Usage;
using LLaDA.Batch.Client.Webhooks;
using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Client;

/// <summary>A client of LLaDA.Batch. It may be used by several threads at once.</summary>
/// <remarks>Every call throws <see cref="ServiceException"/> for a refusal or a failure of the service.</remarks>
public sealed class LLaDAClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly bool _ownsHttp;
    private readonly Transport _transport;

    /// <param name="address">Of the service, without <c>/v1</c>.</param>
    /// <param name="apiKey">Of the tenant.</param>
    /// <param name="http">Null makes one without a time limit, since answers may take minutes.</param>
    public LLaDAClient(Uri address, string apiKey, HttpClient? http = null)
    {
        (_http, _ownsHttp) = (http ?? new HttpClient { Timeout = Timeout.InfiniteTimeSpan }, http is null);
        _transport = new Transport(_http, address, apiKey);
        Batches = new BatchesClient(_transport);
        Files = new FilesClient(_transport);
        FineTuning = new FineTuningClient(_transport);
        Schedules = new SchedulesClient(_transport);
        Webhooks = new WebhooksClient(_transport);
    }

    public BatchesClient Batches { get; }

    public FilesClient Files { get; }

    public FineTuningClient FineTuning { get; }

    public SchedulesClient Schedules { get; }

    public WebhooksClient Webhooks { get; }

    /// <summary>
    /// A client for <c>LLADA_BASE_URL</c> and <c>LLADA_API_KEY</c>, or else <c>OPENAI_BASE_URL</c> and <c>OPENAI_API_KEY</c>.
    /// </summary>
    /// <exception cref="InvalidOperationException">One of the two is not set.</exception>
    public static LLaDAClient FromEnvironment()
    {
        string address = Variable("LLADA_BASE_URL") ?? Variable("OPENAI_BASE_URL") ?? throw Missing("LLADA_BASE_URL");
        string key = Variable("LLADA_API_KEY") ?? Variable("OPENAI_API_KEY") ?? throw Missing("LLADA_API_KEY");
        return new LLaDAClient(AddressOf(address), key);
    }

    /// <summary>The address of a service; OpenAI's clients write it with <c>/v1</c>.</summary>
    /// <exception cref="UriFormatException">It is no http or https address.</exception>
    public static Uri AddressOf(string text)
    {
        var address = new Uri(text.TrimEnd('/'), UriKind.Absolute);
        if (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps)
            throw new UriFormatException($"'{text}' is no http or https address");
        string path = address.AbsolutePath.TrimEnd('/');
        foreach (string suffix in (string[])["/openai/v1", "/v1"])
        {
            if (path.EndsWith(suffix, StringComparison.Ordinal))
            {
                path = path[..^suffix.Length];
                break;
            }
        }
        return new UriBuilder(address) { Path = path + "/" }.Uri;
    }

    /// <summary>Fills the gaps of a text at once, and waits for as long as it takes.</summary>
    public Task<InfillAnswer> InfillAsync(InfillRequest request, CancellationToken cancellation = default) =>
        _transport.AskAsync<InfillAnswer>("/v1/infill", request, cancellation);

    /// <summary>Fills the gaps of a text, and shows how they are filled on the way.</summary>
    public IAsyncEnumerable<AnswerUpdate> StreamInfillAsync(InfillRequest request, CancellationToken cancellation = default) =>
        AnswerStream.ReadAsync(_transport, "/v1/infill", request, cancellation);

    /// <summary>Continues a dialogue, and shows how the answer comes about.</summary>
    public IAsyncEnumerable<AnswerUpdate> StreamChatAsync(ChatRequest request, CancellationToken cancellation = default) =>
        AnswerStream.ReadAsync(_transport, "/v1/chat/completions", request, cancellation);

    /// <summary>Scores completions of a prompt at once, and waits for as long as it takes.</summary>
    public Task<ScoreAnswer> ScoreAsync(ScoreRequest request, CancellationToken cancellation = default) =>
        _transport.AskAsync<ScoreAnswer>("/v1/score", request, cancellation);

    /// <summary>The models that requests may name.</summary>
    public IAsyncEnumerable<Model> ListModelsAsync(CancellationToken cancellation = default) =>
        _transport.AllAsync<Model>("/v1/models", [], cancellation);

    /// <summary>What ended batches and answers at once have used, by spans of time, those without work included.</summary>
    public async Task<IReadOnlyList<UsageBucket>> UsageAsync(UsageRequest request, CancellationToken cancellation = default)
    {
        string?[] groups = [request.ByModel ? "model" : null, request.ByEndpoint ? "endpoint" : null];
        string grouped = string.Join(',', groups.OfType<string>());
        var page = await _transport.GetAsync<Page<UsageBucket>>(
            Query.Of(
                "/v1/usage", ("start_time", Query.Text(request.Start)), ("end_time", Query.Text(request.End)),
                ("bucket_width", request.ByHour ? "1h" : "1d"), ("group_by", grouped.Length > 0 ? grouped : null)),
            cancellation);
        return page.Data;
    }

    public void Dispose()
    {
        if (_ownsHttp)
            _http.Dispose();
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private static InvalidOperationException Missing(string name) => new($"The environment variable {name} is not set");
}
