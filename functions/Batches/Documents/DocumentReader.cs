using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Documents;

/// <summary>
/// Reads the documents of a folder in the order of their names, several at a time, and holds at most the bytes of one window of lines.
/// </summary>
internal sealed class DocumentReader
{
    private const int ChunkDocuments = 32;
    private const long ChunkBytes = 32 << 20;

    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly BlobContainerClient _container;
    private readonly string _prefix;
    private readonly JsonObject _body;
    private readonly WithoutGaps _withoutGaps;
    private readonly int _maxBytes;

    /// <param name="prefix">The folder; empty, or ends with a slash.</param>
    /// <param name="body">What all requests ask for besides their text: a JSON object.</param>
    public DocumentReader(BlobContainerClient container, string prefix, string body, WithoutGaps withoutGaps, ServiceLimits limits)
    {
        _container = container;
        _prefix = prefix;
        _body = JsonNode.Parse(body)!.AsObject();
        _withoutGaps = withoutGaps;
        _maxBytes = limits.MaxLineBytes;
    }

    /// <param name="names">The documents to read, relative to the folder; null reads all.</param>
    public async IAsyncEnumerable<DocumentLine> ReadAsync(
        IAsyncEnumerable<string>? names, [EnumeratorCancellation] CancellationToken cancellation)
    {
        List<Task<DocumentLine>> chunk = [];
        long bytes = 0;
        int number = 0;
        await foreach (var (name, known) in names?.Select(name => (name, (long?)null))
            ?? ListAsync(_container, _prefix, cancellation).Select(document => (document.Name, (long?)document.Bytes)))
        {
            long size = known ?? _maxBytes;
            if (chunk.Count == ChunkDocuments || (chunk.Count > 0 && bytes + size > ChunkBytes))
            {
                foreach (var read in chunk)
                    yield return await read;
                (chunk, bytes) = ([], 0);
            }
            chunk.Add(ReadAsync(++number, name, known, cancellation));
            bytes += Math.Min(size, _maxBytes);
        }
        foreach (var read in chunk)
            yield return await read;
    }

    /// <summary>The documents of a folder by their relative names, in their order, without reading them.</summary>
    public static async IAsyncEnumerable<(string Name, long Bytes)> ListAsync(
        BlobContainerClient container, string prefix, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var blob in container.GetBlobsAsync(new GetBlobsOptions { Prefix = prefix }, cancellation))
        {
            string name = blob.Name[prefix.Length..];
            if (name.Length > 0 && !name.EndsWith('/'))     // else the marker of an empty folder
                yield return (name, blob.Properties.ContentLength ?? 0);
        }
    }

    /// <param name="known">The size of the document; null where it was not listed.</param>
    private async Task<DocumentLine> ReadAsync(int number, string name, long? known, CancellationToken cancellation)
    {
        if (BlobFolder.FaultOf(name) is { } fault)
            return Refused("invalid_name", $"The name {fault}");
        try
        {
            var blob = _container.GetBlobClient(_prefix + name);
            long size = known ?? (await blob.GetPropertiesAsync(cancellationToken: cancellation)).Value.ContentLength;
            if (size > _maxBytes)
                return Refused("document_too_large", $"A document may have at most {_maxBytes} bytes");
            var content = (await blob.DownloadContentAsync(cancellation)).Value.Content;
            return ToLine(number, name, s_strictUtf8.GetString(content.ToMemory().Span), content.ToMemory().Length);
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

        DocumentLine Refused(string code, string message) => DocumentLine.Refused(number, name, new LineError(code, message));
    }

    private DocumentLine ToLine(int number, string name, string text, int bytes)
    {
        if (GapMarks.AnyIn(text))
        {
            var request = (JsonObject)_body.DeepClone();
            request["text"] = text;
            return DocumentLine.ToRun(new ShardLine(number, name, JsonSerializer.SerializeToElement(request)), bytes);
        }
        return _withoutGaps == WithoutGaps.Copy
            ? DocumentLine.Copied(number, name, text, bytes)
            : DocumentLine.Refused(number, name, new LineError("no_gaps", "The document has no gap such as [MASK] or [MASK:5]"), bytes);
    }
}
