using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Client.Files;

/// <summary>Sends large files in parts, straight to where the service keeps them: <c>/v1/uploads</c>.</summary>
internal sealed class UploadsInParts(Transport transport)
{
    /// <summary>The most that one request of a file may have on every host.</summary>
    public const int MaxWholeBytes = 2 << 20;

    private const string Path = "/v1/uploads";
    private const int PartBytes = 32 << 20;

    private sealed record Upload(string Id, StoredFile? File);

    private sealed record Part(string Id, Uri UploadUrl);

    /// <param name="content">From its position to its end.</param>
    public async Task<StoredFile> SendAsync(Stream content, string name, string purpose, CancellationToken cancellation)
    {
        long bytes = content.Length - content.Position;
        var upload = await transport.PostAsync<Upload>(
            Path, new { filename = name, purpose, bytes, mime_type = "application/jsonl" }, cancellation);
        string path = $"{Path}/{Uri.EscapeDataString(upload.Id)}";
        try
        {
            List<string> parts = [];
            byte[] buffer = new byte[Math.Min(bytes, PartBytes)];
            while (await content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellation) is > 0 and int count)
            {
                var part = await transport.PostAsync<Part>($"{path}/parts", new { bytes = count }, cancellation);
                await transport.PutAsync(part.UploadUrl, buffer.AsMemory(0, count), cancellation);
                parts.Add(part.Id);
            }
            return (await transport.PostAsync<Upload>($"{path}/complete", new { part_ids = parts }, cancellation)).File!;
        }
        catch
        {
            // The service gives it up after an hour; until then it would count.
            Task givenUp = transport.PostAsync<Upload>($"{path}/cancel", body: null, CancellationToken.None);
            await givenUp.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }
}
