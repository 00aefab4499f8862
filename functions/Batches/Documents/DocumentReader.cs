using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Documents;

/// <summary>A document as a request: its relative name is the custom_id.</summary>
/// <param name="Error">Why it cannot become a request; then the line's body is empty.</param>
/// <param name="Bytes">Of its text; 0 where it was not read.</param>
internal sealed record DocumentLine(ShardLine Line, LineError? Error, int Bytes = 0);

/// <summary>Reads the documents of a folder in the order of their names, several at a time and no more bytes at once than a window of lines has.</summary>
internal sealed class DocumentReader(ServiceLimits limits)
{
    private const int ChunkDocuments = 32;
    private const long ChunkBytes = 32 << 20;

    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="body">What all requests ask for besides their text.</param>
    public async IAsyncEnumerable<DocumentLine> ReadAsync(
        BlobContainerClient container, string prefix, string body, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        List<Task<DocumentLine>> chunk = [];
        long bytes = 0;
        int number = 0;
        await foreach (var blob in container.GetBlobsAsync(new GetBlobsOptions { Prefix = prefix }, cancellation))
        {
            string name = blob.Name[prefix.Length..];
            if (name.Length == 0 || name.EndsWith('/'))
                continue;   // the marker of an empty folder
            long size = blob.Properties.ContentLength ?? 0;
            if (chunk.Count == ChunkDocuments || (chunk.Count > 0 && bytes + size > ChunkBytes))
            {
                foreach (var read in chunk)
                    yield return await read;
                (chunk, bytes) = ([], 0);
            }
            chunk.Add(ReadAsync(container, prefix, name, size, ++number, body, cancellation));
            bytes += Math.Min(size, limits.MaxLineBytes);
        }
        foreach (var read in chunk)
            yield return await read;
    }

    private async Task<DocumentLine> ReadAsync(BlobContainerClient container, string prefix, string name, long size, int number, string body, CancellationToken cancellation)
    {
        if (!BlobFolder.IsInside(name))
            return Refused("invalid_name", "The name has a segment that leads elsewhere");
        if (size > limits.MaxLineBytes)
            return Refused("document_too_large", $"A document may have at most {limits.MaxLineBytes} bytes");
        try
        {
            var content = (await container.GetBlobClient(prefix + name).DownloadContentAsync(cancellation)).Value.Content;
            var request = JsonNode.Parse(body)!.AsObject();
            request["text"] = s_strictUtf8.GetString(content.ToMemory().Span);
            return new DocumentLine(new ShardLine(number, name, JsonSerializer.SerializeToElement(request)), Error: null, content.ToMemory().Length);
        }
        catch (DecoderFallbackException)
        {
            return Refused("not_utf8", "The document is not UTF-8 text");
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return Refused("document_not_found", "The document was deleted before it was read");
        }
        catch (RequestFailedException failure) when (failure.ErrorCode == BlobErrorCode.BlobArchived)
        {
            return Refused("document_archived", "The document lies in the archive tier and cannot be read there");
        }

        DocumentLine Refused(string code, string message) => new(new ShardLine(number, name, JsonElement.Parse("{}")), new LineError(code, message));
    }
}
