using System.Text;
using System.Text.Json.Nodes;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Documents;

/// <summary>
/// Puts filled documents under their relative names into the output folder, and turns each line into its entry of the manifest. Doing it twice writes the same
/// bytes again.
/// </summary>
internal sealed class DocumentWriter(BlobContainerClient container, string prefix)
{
    private const int Concurrency = 16;

    /// <returns>The line without the document's text, which the folder has now; lines of errors stay as they are.</returns>
    public async Task<PartLine[]> WriteAsync(IReadOnlyList<PartLine> lines, CancellationToken cancellation)
    {
        var entries = new PartLine[lines.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        await Parallel.ForAsync(0, lines.Count, options, async (index, stop) =>
            entries[index] = lines[index].IsError ? lines[index] : await WriteAsync(lines[index], stop));
        return entries;
    }

    /// <summary>Where the outcome of each document is told, beside the documents.</summary>
    public BlockBlobClient Manifest(BatchRecord batch) => container.GetBlockBlobClient($"{prefix}manifest.{batch.Id}.jsonl");

    private async Task<PartLine> WriteAsync(PartLine line, CancellationToken cancellation)
    {
        var json = JsonNode.Parse(line.Json)!;
        var answer = json["response"]!["body"]!.AsObject();
        byte[] text = Encoding.UTF8.GetBytes(answer["text"]!.GetValue<string>());
        string name = prefix + json["custom_id"]!.GetValue<string>();
        await container.GetBlobClient(name).UploadAsync(new BinaryData(text), overwrite: true, cancellation);
        answer.Remove("text");
        answer["blob"] = name;
        answer["bytes"] = text.Length;
        return line with { Json = json.ToJsonString(WireJson.Options) };
    }
}
