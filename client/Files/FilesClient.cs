using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Client.Files;

/// <summary><c>/v1/files</c>.</summary>
public sealed class FilesClient
{
    private const string Path = "/v1/files";

    private readonly Transport _transport;

    internal FilesClient(Transport transport) => _transport = transport;

    /// <summary>Sends a file, and a large one in parts.</summary>
    /// <param name="content">Read from its position. One that cannot seek goes in one request, which may be too large for a host.</param>
    /// <param name="purpose"><c>batch</c> or <c>fine-tune</c>.</param>
    public async Task<StoredFile> UploadAsync(Stream content, string name, string purpose, CancellationToken cancellation = default)
    {
        if (content.CanSeek && content.Length - content.Position > UploadsInParts.MaxWholeBytes)
            return await new UploadsInParts(_transport).SendAsync(content, name, purpose, cancellation);
        using var form = new MultipartFormDataContent
        {
            { new StringContent(purpose), "purpose" },
            { new StreamContent(content), "file", name },
        };
        return await _transport.PostAsync<StoredFile>(Path, form, cancellation);
    }

    /// <returns>The content; the caller disposes of it.</returns>
    public Task<Stream> OpenReadAsync(string id, CancellationToken cancellation = default) =>
        _transport.OpenAsync($"{Path}/{Uri.EscapeDataString(id)}/content", cancellation);

    public Task<StoredFile> GetAsync(string id, CancellationToken cancellation = default) =>
        _transport.GetAsync<StoredFile>($"{Path}/{Uri.EscapeDataString(id)}", cancellation);

    /// <summary>Files, newest first.</summary>
    public IAsyncEnumerable<StoredFile> ListAsync(CancellationToken cancellation = default) =>
        _transport.AllAsync<StoredFile>(Path, [("limit", "1000")], cancellation);

    public Task DeleteAsync(string id, CancellationToken cancellation = default) =>
        _transport.DeleteAsync($"{Path}/{Uri.EscapeDataString(id)}", cancellation);
}
