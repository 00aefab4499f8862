using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using LLaDA.Batch.Cli.Requests;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Answers;
using LLaDA.Batch.Client.Batches;

namespace LLaDA.Batch.Cli.Batches;

/// <summary>Fills several documents as one batch, and takes the filled ones from its results.</summary>
internal static class DocumentBatch
{
    public const string Endpoint = "/v1/infill";

    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Sends the documents.</summary>
    /// <param name="ask">Makes the request of a document.</param>
    /// <param name="batch">Everything but its input.</param>
    public static async Task<BatchJob> CreateAsync(
        LLaDAClient client, IEnumerable<Document> documents, Func<Document, InfillRequest> ask, BatchRequest batch,
        CancellationToken cancellation)
    {
        // In a file, since there may be more of them than fit in memory.
        await using var lines = new FileStream(
            Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None,
            bufferSize: 1 << 16, FileOptions.DeleteOnClose);
        foreach (var document in documents)
        {
            var line = new { custom_id = document.Name, method = "POST", url = Endpoint, body = ask(document) };
            await JsonSerializer.SerializeAsync(lines, line, s_json, cancellation);
            lines.WriteByte((byte)'\n');
        }
        lines.Position = 0;
        var file = await client.Files.UploadAsync(lines, "documents.jsonl", "batch", cancellation);
        return await client.Batches.CreateAsync(batch with { InputFileId = file.Id }, cancellation);
    }

    /// <summary>Follows the batch to its end and takes the filled documents.</summary>
    /// <returns>An exit code.</returns>
    public static async Task<int> FetchAsync(
        LLaDAClient client, BatchJob batch, Shell shell, FilledTexts output, CancellationToken cancellation)
    {
        batch = await BatchWatch.RunAsync(client, batch.Id, shell, cancellation);
        BatchWatch.SayFaults(batch, shell);
        await foreach (var line in client.Batches.ResultsAsync(batch.Id, cancellation: cancellation))
        {
            if (line.Answer<InfillAnswer>() is { } answer)
                await output.WriteAsync(line.CustomId, answer.Text);
            else
                shell.Say($"{line.CustomId}: {line.Failure ?? "not filled"}");
        }
        return BatchWatch.ExitCodeOf(batch);
    }
}
