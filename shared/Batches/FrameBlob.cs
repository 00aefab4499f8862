using System.Text;
using System.Text.Json;
using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>How far frames were read.</summary>
/// <param name="Try">The try at the answer that writes: another one begins the blob again.</param>
/// <param name="Offset">Bytes that were read.</param>
public readonly record struct FramePosition(string? Try, long Offset);

/// <summary>
/// The frames of a streamed answer: lines of an append blob, which its worker writes and its request tails. Nothing depends on them: the
/// answer itself is the part.
/// </summary>
public sealed class FrameBlob(AppendBlobClient blob)
{
    private const string TryName = "try";

    /// <summary>Begins, in place of what an earlier try wrote.</summary>
    public Task CreateAsync(CancellationToken cancellation)
    {
        Dictionary<string, string> metadata = new() { [TryName] = Guid.NewGuid().ToString("N") };
        return blob.CreateAsync(new AppendBlobCreateOptions { Metadata = metadata }, cancellation);
    }

    public async Task AppendAsync(IEnumerable<AnswerFrame> frames, CancellationToken cancellation)
    {
        string lines = string.Concat(frames.Select(frame => JsonSerializer.Serialize(frame, WireJson.Options) + "\n"));
        using var block = new MemoryStream(Encoding.UTF8.GetBytes(lines));
        await blob.AppendBlockAsync(block, cancellationToken: cancellation);
    }

    /// <summary>The frames behind a position.</summary>
    /// <param name="position">The default for the first call.</param>
    /// <returns>The frames, none where there is nothing new, and the position behind them.</returns>
    public async Task<(IReadOnlyList<AnswerFrame> Frames, FramePosition Position)> ReadAsync(
        FramePosition position, CancellationToken cancellation)
    {
        try
        {
            var found = await DownloadAsync(position.Offset, cancellation);
            if (position.Offset > 0 && found.Details.Metadata[TryName] != position.Try)
            {
                position = default;
                found = await DownloadAsync(position.Offset, cancellation);
            }
            byte[] bytes = found.Content.ToArray();
            int end = Array.LastIndexOf(bytes, (byte)'\n') + 1;
            string[] lines = Encoding.UTF8.GetString(bytes, 0, end).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            AnswerFrame[] frames = [.. lines.Select(line => JsonSerializer.Deserialize<AnswerFrame>(line, WireJson.Options)!)];
            return (frames, new FramePosition(found.Details.Metadata[TryName], position.Offset + end));
        }
        catch (RequestFailedException failure) when (failure.Status is 404 or 416)
        {
            return ([], position);
        }
    }

    private async Task<BlobDownloadResult> DownloadAsync(long offset, CancellationToken cancellation)
    {
        var options = offset == 0 ? null : new BlobDownloadOptions { Range = new HttpRange(offset) };
        return (await blob.DownloadContentAsync(options, cancellation)).Value;
    }
}
