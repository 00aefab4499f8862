using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Documents;

/// <summary>
/// Writes filled documents under their relative names into the output folder, and turns each line into its entry of the manifest.
/// Idempotent: a second run writes the same bytes.
/// </summary>
internal sealed class DocumentWriter(BlobContainerClient container, string prefix)
{
    /// <summary>The error of a document that storage refuses.</summary>
    public const string NotWritten = "document_not_written";

    private const int Concurrency = 16;

    /// <returns>
    /// The line without the document's text, which the folder has now; error lines are unchanged. A document that storage refuses
    /// becomes an error, and its line keeps the text.
    /// </returns>
    public async Task<PartLine[]> WriteAsync(IReadOnlyList<PartLine> lines, CancellationToken cancellation)
    {
        var entries = new PartLine[lines.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        await Parallel.ForAsync(0, lines.Count, options, async (index, stop) =>
            entries[index] = lines[index].IsError ? lines[index] : await WriteAsync(lines[index], stop));
        return entries;
    }

    /// <summary>The outcome of each document, beside the documents.</summary>
    public BlockBlobClient Manifest(BatchRecord batch) => container.GetBlockBlobClient($"{prefix}manifest.{batch.Id}.jsonl");

    private async Task<PartLine> WriteAsync(PartLine line, CancellationToken cancellation)
    {
        var json = JsonNode.Parse(line.Json)!;
        var answer = json["response"]!["body"]!.AsObject();
        byte[] text = Encoding.UTF8.GetBytes(answer["text"]!.GetValue<string>());
        string name = prefix + json["custom_id"]!.GetValue<string>();
        try
        {
            await container.GetBlobClient(name).UploadAsync(new BinaryData(text), overwrite: true, cancellation);
        }
        catch (RequestFailedException failure) when (IsOfOneDocument(failure.Status))
        {
            var error = new LineError(NotWritten, $"Storage answered {failure.Status} ({failure.ErrorCode}) when the document was written");
            json["error"] = JsonSerializer.SerializeToNode(error, WireJson.Options);
            return line with { IsError = true, Json = json.ToJsonString(WireJson.Options) };
        }
        answer.Remove("text");
        answer["blob"] = name;
        answer["bytes"] = text.Length;
        return line with { Json = json.ToJsonString(WireJson.Options) };
    }

    /// <summary>
    /// Whether the failure concerns one document: a leased or immutable blob, one of another type, a folder of its name, a long name. A
    /// retry would not help. Rights, a missing container and too many requests concern the folder.
    /// </summary>
    private static bool IsOfOneDocument(int status) => status is >= 400 and < 500 and not (401 or 403 or 404 or 408 or 429);
}
