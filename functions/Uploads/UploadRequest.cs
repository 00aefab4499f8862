using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Uploads;

/// <summary>The parameters of <c>POST /v1/uploads</c>.</summary>
internal static class UploadRequest
{
    private const int MaxFilename = 500, MaxMimeType = 200;

    /// <returns>A record without keys and times.</returns>
    /// <exception cref="ApiException">400, naming the parameter, or 413 for a file above the limit.</exception>
    public static UploadRecord Read(JsonReader body, ServiceLimits limits)
    {
        string filename = Path.GetFileName(body.Text("filename"));
        if (filename.Length == 0 || filename.CountCharacters() > MaxFilename)
            throw body.Invalid("filename", $"must be a name of at most {MaxFilename} characters");
        string purpose = body.Text("purpose");
        if (!FilePurpose.Uploadable.Contains(purpose))
            throw body.Invalid("purpose", $"must be one of {string.Join(", ", FilePurpose.Uploadable)}, not '{Excerpt.Of(purpose)}'");
        string mimeType = body.Text("mime_type");
        if (mimeType.Length > MaxMimeType)
            throw body.Invalid("mime_type", $"may have at most {MaxMimeType} characters");
        long bytes = body.LongInteger("bytes", 1) ?? throw body.Missing("bytes", "is required and must be a whole number");
        if (bytes > limits.MaxMultipartBytes)
            throw ApiException.TooLarge($"A file in parts may have at most {limits.MaxMultipartBytes} bytes", "bytes");
        var kept = ExpiresAfter.Read(body.Object("expires_after"));
        body.RequireNothingElse();
        return new UploadRecord
        {
            Filename = filename,
            Purpose = purpose,
            MimeType = mimeType,
            Bytes = bytes,
            FileSeconds = (int?)kept?.TotalSeconds,
        };
    }
}
