using System.IO.Pipelines;
using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace LLaDA.Batch.Shared.Files;

/// <summary>
/// Writes a blob as a stream of unknown length. The blob exists only after <see cref="CompleteAsync"/>, complete, so that two writers of
/// the same content do not disturb each other or a reader.
/// </summary>
public sealed class FileWriter : IAsyncDisposable
{
    private const int BlockBytes = 4 << 20;

    private readonly Pipe _pipe = new();
    private readonly Task _uploading;

    /// <param name="overwrite">Whether to replace an existing blob, which stays unchanged otherwise.</param>
    public FileWriter(BlockBlobClient blob, bool overwrite, CancellationToken cancellation)
    {
        Content = _pipe.Writer.AsStream(leaveOpen: true);
        _uploading = UploadAsync(blob, overwrite, cancellation);
    }

    public Stream Content { get; }

    /// <summary>Makes the written bytes the blob.</summary>
    public async Task CompleteAsync()
    {
        await _pipe.Writer.CompleteAsync();
        await _uploading;
    }

    /// <summary>Discards the written bytes unless they were completed.</summary>
    public async ValueTask DisposeAsync()
    {
        await _pipe.Writer.CompleteAsync(new OperationCanceledException("The writer was not completed"));
        await _uploading.ContinueWith(
            _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task UploadAsync(BlockBlobClient blob, bool overwrite, CancellationToken cancellation)
    {
        var options = new BlobUploadOptions
        {
            Conditions = overwrite ? null : new BlobRequestConditions { IfNoneMatch = ETag.All },
            TransferOptions = new() { InitialTransferSize = BlockBytes, MaximumTransferSize = BlockBytes, MaximumConcurrency = 1 },
        };
        try
        {
            await blob.UploadAsync(_pipe.Reader.AsStream(), options, cancellation);
        }
        catch (RequestFailedException failure) when (!overwrite && failure.Status is (409 or 412))
        {
            // It exists already.
        }
        finally
        {
            await _pipe.Reader.CompleteAsync();     // a writer that is still writing must not wait
        }
    }
}
