using System.Text;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Documents;

/// <summary>The parameters of a batch over a folder of documents.</summary>
/// <param name="Body">What all requests ask for besides their text: a JSON object that names a model.</param>
/// <param name="WithoutGaps">What becomes of a document without a gap.</param>
internal sealed record DocumentRequest(BlobFolder Input, BlobFolder Output, string Body, WithoutGaps WithoutGaps)
{
    private const int MaxBodyBytes = 16 << 10;

    /// <param name="until">The end of the batch.</param>
    /// <returns>Null when the batch has an input file instead.</returns>
    /// <exception cref="ApiException">400 by the name of the parameter, or 404 for an unknown container.</exception>
    public static async Task<DocumentRequest?> ReadAsync(
        JsonReader batch, string endpoint, BlobFolders folders, string tenant, DateTimeOffset until, CancellationToken cancellation)
    {
        if (batch.Object("input_blobs") is null)
            return WithoutFolder(batch);
        if (batch.OptionalText("input_file_id") is not null)
            throw ApiException.InvalidRequest("Give either input_file_id or input_blobs", "input_blobs");
        if (endpoint != BatchEndpoint.Infill)
            throw ApiException.InvalidRequest($"Documents are filled by {BatchEndpoint.Infill}", "endpoint");
        var body = batch.Object("body") ?? throw Missing();
        if (body.Find("text") is not null)
            throw Missing();
        _ = body.Text("model");
        string json = body.Json.GetRawText();
        if (Encoding.UTF8.GetByteCount(json) > MaxBodyBytes)
            throw batch.Invalid("body", $"may have at most {MaxBodyBytes} bytes");
        var withoutGaps = batch.Choice<WithoutGaps>("without_gaps") ?? default;

        var from = await folders.ReadAsync(batch, "input_blobs", tenant, until, cancellation);
        var to = await folders.ReadAsync(batch, "output_blobs", tenant, until, cancellation);
        return from.Overlaps(to)
            ? throw batch.Invalid("output_blobs", "must lie apart from input_blobs, or results would become documents")
            : new DocumentRequest(from, to, json, withoutGaps);

        Exception Missing() => batch.Missing("body", "must be an object with what all documents ask for besides their text");
    }

    private static DocumentRequest? WithoutFolder(JsonReader batch)
    {
        foreach (string name in (string[])["output_blobs", "body", "without_gaps"])
        {
            if (batch.Find(name) is not null)
                throw batch.Invalid(name, "goes with input_blobs only");
        }
        return null;
    }
}
