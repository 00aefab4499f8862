using System.Security.Cryptography;
using System.Text;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Quotas;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Uploads;

/// <summary>
/// Joins the parts of an upload to its file. May be called again after a process has died at any point: the order of the parts is settled
/// before they are joined, and the file becomes visible last.
/// </summary>
internal sealed class UploadCompletion(
    UploadStore uploads, UploadBlocks blocks, FileStore files, FileQuota quota, RetentionOptions retention, TimeProvider time)
{
    private const int BufferBytes = 1 << 20;

    /// <param name="partIds">In the order of the file.</param>
    /// <param name="md5">Of the whole file, in hexadecimal digits; null where the client gave none.</param>
    /// <exception cref="ApiException">400: the parts are not those that were announced; 409: the state does not allow it.</exception>
    public async Task<FileRecord> RunAsync(
        UploadRecord upload, IReadOnlyList<string> partIds, string? md5, CancellationToken cancellation)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', partIds))));
        if (upload.State == UploadState.Completed && upload.PartsHash == hash
            && await files.Records.FindAsync(upload.Tenant, upload.RowKey, cancellation) is { } file)
            return file;
        UploadsApi.RequireOpen(upload, time.GetUtcNow(), upload.PartsHash == hash);
        var parts = await FindPartsAsync(upload, partIds, cancellation);
        if (!await blocks.AreJoinedAsync(upload, cancellation))
            await RequireAllAsync(upload, parts, cancellation);

        var begun = await uploads.UpdateAsync(upload, current => current.TryBeginCompletion(hash, time.GetUtcNow()), cancellation);
        if (!begun.Written)
            UploadsApi.RequireOpen(begun.Row ?? upload, time.GetUtcNow(), isSame: false);
        await blocks.JoinAsync(upload, parts, cancellation);
        if (md5 is not null)
            await RequireSumAsync(upload, md5, cancellation);
        var kept = upload.FileSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : retention.KeepsFilesFor(upload.Purpose);
        var record = await files.AddAsync(
            upload.Tenant, upload.RowKey, upload.Filename, upload.Purpose, time.GetUtcNow() + kept, CancellationToken.None);
        await uploads.UpdateAsync(upload, current => current.TryComplete(), CancellationToken.None);
        quota.Add(record);
        return record;
    }

    private async Task<IReadOnlyList<UploadPartRecord>> FindPartsAsync(
        UploadRecord upload, IReadOnlyList<string> ids, CancellationToken cancellation)
    {
        var known = await uploads.ListPartsAsync(upload, cancellation);
        List<UploadPartRecord> parts = [];
        HashSet<string> seen = [];
        foreach (string id in ids)
        {
            if (SortableKey.Parse(id, UploadPartRecord.IdPrefix) is not { } key || !known.TryGetValue(key, out var part))
                throw Refused($"The upload has no part {Excerpt.Of(id)}", "part_not_found");
            if (!seen.Add(key))
                throw Refused($"part_ids has {id} more than once", "duplicate_part");
            parts.Add(part);
        }
        long bytes = parts.Sum(part => part.Bytes);
        if (bytes != upload.Bytes)
        {
            throw Refused(
                $"The parts have {bytes} bytes together, and the upload was announced with {upload.Bytes}; "
                    + "name all parts in their order, or begin another upload",
                "size_mismatch");
        }
        return parts.Sum(part => part.NumBlocks) <= UploadBlocks.MaxBlocks
            ? parts
            : throw Refused($"The parts have more than {UploadBlocks.MaxBlocks} blocks; send larger parts", "too_many_parts");
    }

    /// <summary>A part that its client was to send to storage may be missing, or shorter than announced.</summary>
    private async Task RequireAllAsync(UploadRecord upload, IReadOnlyList<UploadPartRecord> parts, CancellationToken cancellation)
    {
        var sizes = await blocks.ListAsync(upload, cancellation);
        foreach (var part in parts)
        {
            long bytes = UploadBlocks.Names(part).Sum(name => sizes.TryGetValue(name, out long size) ? size : 0);
            if (bytes != part.Bytes)
                throw Refused($"{part.Id} has {bytes} of its {part.Bytes} bytes; send it, and complete the upload then", "part_missing");
        }
    }

    /// <exception cref="ApiException">400: the file is another one, and the upload is over.</exception>
    private async Task RequireSumAsync(UploadRecord upload, string md5, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        await using (var content = await blocks.OpenReadAsync(upload, cancellation))
        {
            byte[] buffer = new byte[BufferBytes];
            while (await content.ReadAsync(buffer, cancellation) is var count and > 0)
                hash.AppendData(buffer, 0, count);
        }
        string found = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (found.Equals(md5, StringComparison.OrdinalIgnoreCase))
            return;
        await uploads.UpdateAsync(upload, current => current.TryRefuse(), CancellationToken.None);
        await blocks.DeleteAsync(upload, CancellationToken.None);
        throw ApiException.InvalidRequest(
            $"The MD5 of the file is {found}, not {md5}; the upload is cancelled, begin another one", "md5", "md5_mismatch");
    }

    private static ApiException Refused(string message, string code) => ApiException.InvalidRequest(message, "part_ids", code);
}
