using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Local;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Benchmarks.Fairness;

/// <summary>One tenant's view of a local stack: the public API with a key of its own.</summary>
internal sealed class TenantClient : IDisposable
{
    private readonly HttpClient _http;

    private TenantClient(HttpClient http, string model) => (_http, Model) = (http, model);

    /// <summary>The model that all tenants use.</summary>
    public string Model { get; }

    public static async Task<TenantClient> CreateAsync(LocalStack stack, string tenant, string model, CancellationToken cancellation)
    {
        var storage = new StorageAccount(new StorageOptions { ConnectionString = stack.ConnectionString });
        string key = await new ApiKeys(storage, TimeProvider.System).CreateAsync(tenant, "fairness", cancellation);
        var http = new HttpClient
        {
            BaseAddress = new Uri(stack.Address),
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key) },
        };
        return new TenantClient(http, model);
    }

    public Task<JsonNode> GetAsync(string path, CancellationToken cancellation) =>
        ReadAsync(_http.GetAsync(path, cancellation), cancellation);

    /// <summary>Sends a request whose refusal is no failure.</summary>
    public async Task<HttpResponseMessage> SendAsync(string path, object body, CancellationToken cancellation)
    {
        using var content = JsonContent.Create(body);
        return await _http.PostAsync(path, content, cancellation);
    }

    public async Task<JsonNode> PostAsync(string path, object body, CancellationToken cancellation)
    {
        using var content = JsonContent.Create(body);
        return await ReadAsync(_http.PostAsync(path, content, cancellation), cancellation);
    }

    /// <returns>The file's id.</returns>
    public async Task<string> UploadAsync(string purpose, IEnumerable<object> lines, CancellationToken cancellation)
    {
        string text = string.Join('\n', lines.Select(line => JsonSerializer.Serialize(line)));
        using var form = new MultipartFormDataContent
        {
            { new StringContent(purpose), "purpose" },
            { new ByteArrayContent(Encoding.UTF8.GetBytes(text)), "file", "lines.jsonl" },
        };
        return Id(await ReadAsync(_http.PostAsync("/v1/files", form, cancellation), cancellation));
    }

    /// <summary>Uploads requests that differ in their number alone.</summary>
    /// <param name="body">By line, from 1; without its model.</param>
    public Task<string> UploadRequestsAsync(string endpoint, int count, Func<int, JsonObject> body, CancellationToken cancellation) =>
        UploadAsync("batch", Enumerable.Range(1, count).Select(line =>
        {
            var request = body(line);
            request["model"] = Model;
            return new { custom_id = $"{line}", method = "POST", url = endpoint, body = request };
        }), cancellation);

    /// <returns>The batch's id.</returns>
    public async Task<string> CreateBatchAsync(string file, string endpoint, CancellationToken cancellation) =>
        Id(await PostAsync("/v1/batches", new { input_file_id = file, endpoint, completion_window = "24h" }, cancellation));

    public void Dispose() => _http.Dispose();

    public static string Id(JsonNode json) => json["id"]!.GetValue<string>();

    private static async Task<JsonNode> ReadAsync(Task<HttpResponseMessage> sending, CancellationToken cancellation)
    {
        using var response = await sending;
        string text = await response.Content.ReadAsStringAsync(cancellation);
        return response.IsSuccessStatusCode
            ? JsonNode.Parse(text)!
            : throw new StackException($"The API answered {(int)response.StatusCode}: {text}");
    }
}
