using System.Text.Json;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Documents;

/// <summary>What a batch over a folder of documents asks for.</summary>
/// <param name="Body">What all of its requests ask for besides their text: a JSON object that names a model.</param>
internal sealed record DocumentRequest(BlobFolder Input, BlobFolder Output, string Body)
{
    private const int MaxBodyBytes = 16 << 10;

    /// <param name="until">The end of the batch.</param>
    /// <returns>Null when the batch has an input file instead.</returns>
    public static async Task<DocumentRequest?> ReadAsync(JsonElement batch, string endpoint, BlobFolders folders, string tenant, DateTimeOffset until, CancellationToken cancellation)
    {
        if (!batch.TryGetProperty("input_blobs", out var input) || input.ValueKind == JsonValueKind.Null)
            return null;
        if (JsonBody.OptionalText(batch, "input_file_id") is not null)
            throw ApiException.InvalidRequest("Give either input_file_id or input_blobs", "input_blobs");
        if (endpoint != BatchEndpoint.Infill)
            throw ApiException.InvalidRequest($"Documents are filled by {BatchEndpoint.Infill}", "endpoint");
        if (!batch.TryGetProperty("body", out var body) || body.ValueKind != JsonValueKind.Object || body.TryGetProperty("text", out _))
            throw ApiException.InvalidRequest("body must be an object with what all documents ask for besides their text", "body", "missing_required_parameter");
        _ = JsonBody.Text(body, "model");
        if (body.GetRawText().Length > MaxBodyBytes)
            throw ApiException.InvalidRequest($"body may have at most {MaxBodyBytes} bytes", "body");

        var from = await folders.ReadAsync(batch, "input_blobs", tenant, until, cancellation);
        var to = await folders.ReadAsync(batch, "output_blobs", tenant, until, cancellation);
        return from.Overlaps(to)
            ? throw ApiException.InvalidRequest("output_blobs must lie apart from input_blobs, or results would become documents", "output_blobs")
            : new DocumentRequest(from, to, body.GetRawText());
    }
}
