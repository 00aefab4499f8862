using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace LLaDA.Batch.Functions.Idempotency;

/// <summary>
/// The hash of a request's body. A form is hashed part by part, because clients draw a new boundary for every try.
/// </summary>
internal static class RequestFingerprint
{
    private const int MemoryBytes = 64 << 10, BufferBytes = 64 << 10;

    /// <summary>Reads the body, which is kept (a large one on disk) and can be read again.</summary>
    /// <exception cref="IOException">The body ended early.</exception>
    public static async Task<string> OfAsync(HttpRequest request, CancellationToken cancellation)
    {
        request.EnableBuffering(MemoryBytes);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        if (Boundary(request) is { } boundary)
            await AddFormAsync(new MultipartReader(boundary, request.Body), hash, cancellation);
        else
            await AddAsync(request.Body, hash, cancellation);
        request.Body.Position = 0;
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string? Boundary(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && type.MediaType.StartsWith("multipart/", StringComparison.OrdinalIgnoreCase)
        && HeaderUtilities.RemoveQuotes(type.Boundary) is { Length: > 0 } boundary
            ? boundary.ToString()
            : null;

    /// <summary>The header, the length and the content of each part: no two forms give the same bytes.</summary>
    private static async Task AddFormAsync(MultipartReader form, IncrementalHash hash, CancellationToken cancellation)
    {
        try
        {
            while (await form.ReadNextSectionAsync(cancellation) is { } section)
            {
                hash.AppendData(Encoding.UTF8.GetBytes($"{section.ContentDisposition}\n{section.ContentType}\n"));
                long length = await AddAsync(section.Body, hash, cancellation);
                hash.AppendData(BitConverter.GetBytes(length));
            }
        }
        catch (InvalidDataException)
        {
            // It is no form: the upload says so.
        }
    }

    /// <returns>The number of bytes.</returns>
    private static async Task<long> AddAsync(Stream content, IncrementalHash hash, CancellationToken cancellation)
    {
        byte[] buffer = new byte[BufferBytes];
        long length = 0;
        while (await content.ReadAsync(buffer, cancellation) is var count and > 0)
        {
            hash.AppendData(buffer, 0, count);
            length += count;
        }
        return length;
    }
}
