using System.Buffers;
using LLaDA.Batch.Functions.Files;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Quotas;
using LLaDA.Batch.Shared.Wire;
using Microsoft.AspNetCore.WebUtilities;

namespace LLaDA.Batch.Functions.Uploads;

/// <summary>Takes the parts of uploads: as a form with the bytes, or as the announcement of bytes that go to storage directly.</summary>
internal sealed class UploadParts(UploadStore uploads, UploadBlocks blocks, UploadPlaces places, TimeProvider time)
{
    private const string DataPart = "data";
    private const long MaxPartBytes = 64 << 20;

    /// <summary>Receives the form of OpenAI's clients. The part exists once all of it has arrived.</summary>
    public async Task<UploadPartObject> ReceiveAsync(UploadRecord upload, HttpRequest request, CancellationToken cancellation)
    {
        using var place = await places.EnterAsync(upload.Tenant, cancellation);
        var form = new FormParts(request, DataPart, "Send the part as multipart/form-data with the part 'data'", TooLarge);
        var part = NewPart(upload, request.HttpContext);
        while (await form.NextAsync(cancellation) is { } section)
        {
            string name = UploadForm.NameOf(section.GetContentDispositionHeader());
            if (name != DataPart)
                throw ApiException.InvalidRequest($"Unknown parameter: {Excerpt.Of(name)}", Excerpt.Of(name), "unknown_parameter");
            if (part.NumBlocks > 0)
                throw ApiException.InvalidRequest("The form has more than one part named 'data'", DataPart, "duplicate_parameter");
            await StageAsync(upload, part, form, section.Body, cancellation);
        }
        if (part.NumBlocks == 0)
            throw ApiException.InvalidRequest("The form has no part named 'data', or it is empty", DataPart, "missing_required_parameter");
        await uploads.Parts.AddIdempotentAsync(part, CancellationToken.None);
        return UploadPartObject.From(upload, part);
    }

    /// <summary>Announces a part whose bytes the client puts to the URL of the answer.</summary>
    /// <param name="body">Its <c>bytes</c>.</param>
    public async Task<UploadPartObject> AnnounceAsync(
        UploadRecord upload, JsonReader body, HttpContext context, CancellationToken cancellation)
    {
        long bytes = body.LongInteger("bytes", 1, MaxPartBytes)
            ?? throw body.Missing("bytes", $"is required and must be a whole number from 1 to {MaxPartBytes}");
        body.RequireNothingElse();
        var part = NewPart(upload, context);
        (part.Bytes, part.NumBlocks) = (bytes, 1);
        var url = await blocks.UrlOfAsync(upload, part.RowKey, cancellation);
        await uploads.Parts.AddIdempotentAsync(part, cancellation);
        return UploadPartObject.From(upload, part, url);
    }

    private UploadPartRecord NewPart(UploadRecord upload, HttpContext context) => new()
    {
        PartitionKey = UploadPartRecord.Partition(upload),
        RowKey = context.NewKey(time),
        CreatedAt = time.GetUtcNow(),
    };

    /// <summary>One block at a time is in memory, which the next request takes over.</summary>
    private async Task StageAsync(
        UploadRecord upload, UploadPartRecord part, FormParts form, Stream body, CancellationToken cancellation)
    {
        byte[] block = ArrayPool<byte>.Shared.Rent(UploadBlocks.BlockBytes);
        while (await FillAsync(form, body, block.AsMemory(0, UploadBlocks.BlockBytes), cancellation) is var count and > 0)
        {
            part.Bytes += count;
            if (part.Bytes > MaxPartBytes)
                throw TooLarge();
            await blocks.StageAsync(upload, part.RowKey, part.NumBlocks++, block.AsMemory(0, count), cancellation);
        }
        ArrayPool<byte>.Shared.Return(block);   // not after a failure: a call that was given up may still read it
    }

    private static async Task<int> FillAsync(FormParts form, Stream body, Memory<byte> block, CancellationToken cancellation)
    {
        int count = 0;
        while (count < block.Length && await form.ReadAsync(body, block[count..], cancellation) is var read and > 0)
            count += read;
        return count;
    }

    private static ApiException TooLarge() => ApiException.TooLarge($"A part may have at most {MaxPartBytes} bytes", DataPart);
}
