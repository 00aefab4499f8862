using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Page.Tests;

/// <summary>What the tests put into the system before a page is looked at.</summary>
internal static class Requests
{
    /// <summary>Two lines that can be filled, and one without a gap.</summary>
    public const string Lines = """
        {"custom_id": "a", "method": "POST", "url": "/v1/infill", "body": {"model": "llada-tiny-base", "text": "And God said [MASK:1]."}}
        {"custom_id": "b", "method": "POST", "url": "/v1/infill", "body": {"model": "llada-tiny-base", "text": "And he went forth."}}
        {"custom_id": "c", "method": "POST", "url": "/v1/infill", "body": {"model": "llada-tiny-base", "text": "the [MASK:1] dog"}}
        """;

    private const string Dialogues = """
        {"messages": [{"role": "user", "content": "What is a fox?"}, {"role": "assistant", "content": "A wild animal with a bushy tail."}]}
        {"messages": [{"role": "user", "content": "What is a hen?"}, {"role": "assistant", "content": "A female bird that lays eggs."}]}
        """;

    /// <returns>The id of a batch over <see cref="Lines"/> that has ended.</returns>
    public static async Task<string> EndedBatchAsync(HttpClient client)
    {
        string file = await UploadAsync(client, "batch", Lines);
        string id = await CreateAsync(
            client, "/v1/batches", new { input_file_id = file, endpoint = "/v1/infill", completion_window = "24h" });
        await EndAsync(client, $"/v1/batches/{id}");
        return id;
    }

    /// <returns>The id of a fine-tuning job that has succeeded.</returns>
    public static async Task<string> EndedJobAsync(HttpClient client)
    {
        string file = await UploadAsync(client, "fine-tune", Dialogues);
        string id = await CreateAsync(client, "/v1/fine_tuning/jobs", new
        {
            model = "llada-tiny-base",
            training_file = file,
            suffix = "page",
            method = new { type = "supervised", supervised = new { hyperparameters = new { n_epochs = 4, lora = new { rank = 8 } } } },
        });
        await EndAsync(client, $"/v1/fine_tuning/jobs/{id}");
        return id;
    }

    public static async Task<string> CreateAsync(HttpClient client, string path, object body)
    {
        using var answer = await client.PostAsJsonAsync(path, body);
        string text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!["id"]!.GetValue<string>();
    }

    private static async Task<string> UploadAsync(HttpClient client, string purpose, string lines)
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent(purpose), "purpose" },
            { new StringContent(lines), "file", "lines.jsonl" },
        };
        using var answer = await client.PostAsync("/v1/files", form);
        return (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
    }

    private static async Task EndAsync(HttpClient client, string path)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
        while ((await client.GetFromJsonAsync<JsonElement>(path)).GetProperty("status").GetString()
               is not ("completed" or "succeeded" or "failed"))
            await timer.WaitForNextTickAsync();
    }
}
