using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

using LLaDA.Batch.Local;

namespace LLaDA.Batch.Benchmarks.Pipeline;

/// <summary>State of a batch.</summary>
/// <param name="OutputFileId">Null until it exists.</param>
/// <param name="Errors">JSON; null without errors.</param>
internal sealed record BatchState(
    string Id, string Status, string InputFileId, string? OutputFileId, int Completed, int Failed, long OutputTokens, string? Errors)
{
    public bool IsTerminal => Status is "completed" or "failed" or "expired" or "cancelled";
}

/// <summary>Uses the public REST API over plain HTTP.</summary>
internal sealed class BatchClient(HttpClient http) : IDisposable
{
    private const string Endpoint = "/v1/infill";
    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(100);

    /// <returns>Ids of the models, in the order of the API.</returns>
    public async Task<IReadOnlyList<string>> ModelsAsync(CancellationToken cancellation) =>
        [.. (await GetAsync("/v1/models", cancellation))["data"]!.AsArray().Select(model => model!["id"]!.GetValue<string>())];

    /// <returns>The id of the uploaded file.</returns>
    public async Task<string> UploadAsync(IReadOnlyList<Sample> samples, string model, CancellationToken cancellation)
    {
        var lines = samples.Select(sample => JsonSerializer.Serialize(
            new { custom_id = sample.Name, method = "POST", url = Endpoint, body = new { model, text = sample.Text } }));
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" },
            { new ByteArrayContent(Encoding.UTF8.GetBytes(string.Join('\n', lines))), "file", "samples.jsonl" },
        };
        return (await PostAsync("/v1/files", form, cancellation))["id"]!.GetValue<string>();
    }

    /// <returns>The id of the batch.</returns>
    public async Task<string> CreateAsync(string fileId, CancellationToken cancellation)
    {
        using var body = JsonContent.Create(new { input_file_id = fileId, endpoint = Endpoint, completion_window = "24h" });
        return (await PostAsync("/v1/batches", body, cancellation))["id"]!.GetValue<string>();
    }

    /// <summary>Polls a batch until a state is reached.</summary>
    public async Task<BatchState> WaitAsync(
        string id, Func<BatchState, bool> isReached, Action<BatchState> onProgress, CancellationToken cancellation)
    {
        while (true)
        {
            var state = State(id, await GetAsync($"/v1/batches/{id}", cancellation));
            onProgress(state);
            if (isReached(state))
                return state;
            await Task.Delay(s_pollInterval, cancellation);
        }
    }

    public void Dispose() => http.Dispose();

    private async Task<JsonNode> GetAsync(string path, CancellationToken cancellation) =>
        await ReadAsync(await http.GetAsync(path, cancellation), cancellation);

    private async Task<JsonNode> PostAsync(string path, HttpContent content, CancellationToken cancellation) =>
        await ReadAsync(await http.PostAsync(path, content, cancellation), cancellation);

    private static async Task<JsonNode> ReadAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        using (response)
        {
            string text = await response.Content.ReadAsStringAsync(cancellation);
            return response.IsSuccessStatusCode
                ? JsonNode.Parse(text)!
                : throw new StackException($"The API answered {(int)response.StatusCode}: {text}");
        }
    }

    private static BatchState State(string id, JsonNode batch)
    {
        var counts = batch["request_counts"]!;
        return new BatchState(
            id,
            batch["status"]!.GetValue<string>(),
            batch["input_file_id"]!.GetValue<string>(),
            batch["output_file_id"]?.GetValue<string>(),
            counts["completed"]!.GetValue<int>(),
            counts["failed"]!.GetValue<int>(),
            batch["usage"]!["output_tokens"]!.GetValue<long>(),
            batch["errors"]?.ToJsonString());
    }
}
