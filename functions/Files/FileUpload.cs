using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Quotas;
using LLaDA.Batch.Shared.Files;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace LLaDA.Batch.Functions.Files;

/// <summary>
/// Receives a multipart upload as a stream: the purpose may come before the file or, as with OpenAI's .NET client, after it. The file
/// becomes visible when all of it has arrived; an interrupted or refused upload leaves nothing behind.
/// </summary>
internal sealed class FileUpload(
    FileStore files, FileQuota quota, UploadPlaces places, RetentionOptions retention, ServiceLimits limits, TimeProvider time)
{
    private const int BufferBytes = 128 << 10;

    private sealed record NewFile(string Tenant, string Key, string Filename, string Purpose, DateTimeOffset? ExpiresAt);

    /// <exception cref="ApiException">400, naming the part or without room for a file, 413 for one above the limit, or 429.</exception>
    public async Task<FileRecord> ReceiveAsync(HttpRequest request, string tenant, CancellationToken cancellation)
    {
        using var place = await places.EnterAsync(tenant, cancellation);
        long room = await quota.RequireRoomAsync(tenant, cancellation);
        if (request.ContentLength - ServiceLimits.FormBytes > room)
            throw await quota.NoRoomAsync(tenant, cancellation);
        var reader = new FormParts(
            request, UploadForm.FilePart, "Send the file as multipart/form-data with the parts 'purpose' and 'file'", TooLarge);
        var form = new UploadForm();
        string key = request.HttpContext.NewKey(time);
        FileWriter? writer = null;
        try
        {
            while (await reader.NextAsync(cancellation) is { } section)
            {
                var disposition = section.GetContentDispositionHeader();
                string name = UploadForm.NameOf(disposition);
                form.Announce(name);
                if (name == UploadForm.FilePart)
                {
                    form.Filename = Filename(disposition!);
                    writer = files.Write(tenant, key, cancellation);
                    if (!await CopyAsync(reader, section.Body, writer.Content, room, cancellation))
                        throw await quota.NoRoomAsync(tenant, cancellation);
                }
                else
                {
                    form.Set(name, await ReadFieldAsync(reader, section.Body, cancellation));
                }
            }
            if (writer is null)
                throw ApiException.InvalidRequest("The form has no part named 'file'", UploadForm.FilePart, "missing_required_parameter");
            string purpose = form.Purpose();
            var kept = form.ExpiresAfter() ?? retention.KeepsFilesFor(purpose);
            var record = new NewFile(tenant, key, form.Filename!, purpose, time.GetUtcNow() + kept);
            var file = await KeepAsync(writer, record, request.HttpContext.SharesItsWork());
            quota.Add(file);
            return file;
        }
        finally
        {
            if (writer is not null)
                await writer.DisposeAsync();
        }
    }

    /// <summary>
    /// All or nothing: bytes and record are written whether the client still waits or not, and a failure deletes both. What another try of
    /// the request has completed meanwhile stays: its client may know of it.
    /// </summary>
    private async Task<FileRecord> KeepAsync(FileWriter writer, NewFile file, bool isShared)
    {
        try
        {
            await writer.CompleteAsync();
            return await files.AddAsync(file.Tenant, file.Key, file.Filename, file.Purpose, file.ExpiresAt, CancellationToken.None);
        }
        catch
        {
            if (isShared)
                await files.DeleteOrphansAsync(file.Tenant, file.Key, CancellationToken.None);
            else
                await files.DeleteAsync(file.Tenant, file.Key, CancellationToken.None);
            throw;
        }
    }

    /// <returns>False when the file has more bytes than there is room for.</returns>
    private async Task<bool> CopyAsync(FormParts form, Stream body, Stream file, long room, CancellationToken cancellation)
    {
        byte[] buffer = new byte[BufferBytes];
        long received = 0;
        while (await form.ReadAsync(body, buffer, cancellation) is var count and > 0)
        {
            received += count;
            if (received > limits.MaxUploadBytes)
                throw TooLarge();
            if (received > room)
                return false;
            await file.WriteAsync(buffer.AsMemory(0, count), cancellation);
        }
        return true;
    }

    /// <summary>A declared size is refused before any byte is read, an undeclared one by the count.</summary>
    private ApiException TooLarge() => ApiException.TooLarge($"A file may have at most {limits.MaxUploadBytes} bytes");

    private static async Task<byte[]> ReadFieldAsync(FormParts form, Stream body, CancellationToken cancellation)
    {
        byte[] bytes = new byte[UploadForm.MaxFieldBytes];
        int count = 0;
        while (count < bytes.Length && await form.ReadAsync(body, bytes.AsMemory(count), cancellation) is var read and > 0)
            count += read;
        return bytes[..count];
    }

    private static string Filename(ContentDispositionHeaderValue disposition)
    {
        try
        {
            var name = disposition.FileNameStar.HasValue ? disposition.FileNameStar : HeaderUtilities.RemoveQuotes(disposition.FileName);
            return Path.GetFileName(name.Value) is { Length: > 0 } filename ? filename : "upload";
        }
        catch (ArgumentException)
        {
            // ASP.NET's answer to an empty "filename*=".
            throw ApiException.InvalidRequest("The name of the file cannot be read", UploadForm.FilePart);
        }
    }
}
