using System.Text;
using System.Text.Json;
using LLaDA.Batch.Cli.Batches;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Answers;
using LLaDA.Batch.Client.Batches;

namespace LLaDA.Batch.Cli.Answers;

/// <summary>Fills several texts as a batch, and takes the filled ones from its results.</summary>
internal static class FillBatch
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
    };

    /// <returns>An exit code.</returns>
    public static async Task<int> RunAsync(
        LLaDAClient client, Dictionary<string, InfillRequest> requests, Shell shell, FilledTexts output, CancellationToken cancellation)
    {
        var lines = requests.Select(request => JsonSerializer.Serialize(
            new { custom_id = request.Key, method = "POST", url = "/v1/infill", body = request.Value }, s_json));
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines)));
        var file = await client.Files.UploadAsync(content, "fill.jsonl", "batch", cancellation);
        var batch = await client.Batches.CreateAsync(new BatchRequest { Endpoint = "/v1/infill", InputFileId = file.Id }, cancellation);
        batch = await BatchWatch.RunAsync(client, batch.Id, shell, cancellation);
        BatchWatch.SayFaults(batch, shell);
        await foreach (var line in client.Batches.ResultsAsync(batch.Id, cancellation: cancellation))
        {
            if (line.Status == "completed")
                await output.WriteAsync(line.CustomId, line.Response!.Value.GetProperty("body").GetProperty("text").GetString()!);
            else
                shell.Say($"{line.CustomId}: {BatchWatch.MessageOf(line) ?? "not filled"}");
        }
        return BatchWatch.ExitCodeOf(batch);
    }
}
