using System.IO.Pipelines;
using Azure;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace LLaDA.Batch.Shared.Files;

/// <summary>
/// Writes a blob as a stream of unknown length: it is there, whole, after <see cref="CompleteAsync"/>, and before that not at all, so that two writers of the same
/// content cannot disturb each other or a reader.
/// </summary>
public sealed class FileWriter : IAsyncDisposable
{
    private const int BlockBytes = 4 << 20;

    private readonly Pipe _pipe = new();
    private readonly Task _uploading;

    /// <param name="overwrite">Whether a blob that is there already is replaced; otherwise it stays as it is.</param>
    public FileWriter(BlockBlobClient blob, bool overwrite, CancellationToken cancellation)
    {
        Content = _pipe.Writer.AsStream(leaveOpen: true);
        _uploading = UploadAsync(blob, overwrite, cancellation);
    }

    public Stream Content { get; }

    /// <summary>Keeps what was written.</summary>
    public async Task CompleteAsync()
    {
        await _pipe.Writer.CompleteAsync();
        await _uploading;
    }

    /// <summary>Without a completion before, nothing is kept.</summary>
    public async ValueTask DisposeAsync()
    {
        await _pipe.Writer.CompleteAsync(new OperationCanceledException("The writer was not completed"));
        await _uploading.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
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
            // It is there already.
        }
        finally
        {
            await _pipe.Reader.CompleteAsync();     // whoever still writes is not kept waiting
        }
    }
}
