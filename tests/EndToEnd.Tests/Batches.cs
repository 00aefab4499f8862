using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>A batch from its input to its results, by plain HTTP.</summary>
internal static class Batches
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3), s_interval = TimeSpan.FromMilliseconds(100);

    public static async Task<string> ModelAsync(HttpClient client) =>
        (await GetAsync(client, "/v1/models"))["data"]![0]!["id"]!.GetValue<string>();

    /// <returns>The terminal batch.</returns>
    public static async Task<JsonNode> RunAsync(HttpClient client, string endpoint, params string[] lines)
    {
        string id = await CreateAsync(client, endpoint, lines);
        using var limit = new CancellationTokenSource(s_limit);
        using var timer = new PeriodicTimer(s_interval);
        while (await timer.WaitForNextTickAsync(limit.Token))
        {
            var batch = await GetAsync(client, $"/v1/batches/{id}");
            if (batch["status"]!.GetValue<string>() is "completed" or "failed" or "expired" or "cancelled")
                return batch;
        }
        throw new TimeoutException();
    }

    /// <returns>The id of the new batch.</returns>
    public static async Task<string> CreateAsync(HttpClient client, string endpoint, params string[] lines)
    {
        string file = await UploadAsync(client, string.Join('\n', lines));
        using var response = await client.PostAsJsonAsync("/v1/batches", new { input_file_id = file, endpoint, completion_window = "24h" });
        return (await ReadAsync(response))["id"]!.GetValue<string>();
    }

    public static async Task<string> UploadAsync(HttpClient client, string content, string purpose = "batch")
    {
        using var form = new MultipartFormDataContent
            { { new StringContent(purpose), "purpose" }, { new ByteArrayContent(Encoding.UTF8.GetBytes(content)), "file", "input.jsonl" } };
        using var response = await client.PostAsync("/v1/files", form);
        return (await ReadAsync(response))["id"]!.GetValue<string>();
    }

    public static string Line(string customId, string endpoint, JsonObject body) =>
        new JsonObject { ["custom_id"] = customId, ["method"] = "POST", ["url"] = endpoint, ["body"] = body }.ToJsonString();

    /// <summary>The lines of one of the batch's files; none when it has no such file.</summary>
    public static async Task<JsonNode[]> LinesAsync(HttpClient client, JsonNode batch, string file) =>
        batch[file]?.GetValue<string>() is { } id
        ? [.. (await client.GetStringAsync($"/v1/files/{id}/content"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)]
        : [];

    public static async Task<JsonNode> GetAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(path);
        return await ReadAsync(response);
    }

    private static async Task<JsonNode> ReadAsync(HttpResponseMessage response) =>
        JsonNode.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync())!;
}
