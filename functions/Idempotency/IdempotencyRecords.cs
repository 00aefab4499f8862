using System.Security.Cryptography;
using System.Text;
using Azure;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Idempotency;

/// <summary>The requests with an Idempotency-Key of the last 24 hours.</summary>
internal sealed class IdempotencyRecords(StorageAccount storage, TimeProvider time)
{
    public TableOf<IdempotencyRecord> Rows { get; } = new(storage.Table(StorageNames.IdempotencyTable));

    /// <summary>The row of a request, which is written unless there is one.</summary>
    /// <param name="request">The method and the path.</param>
    /// <param name="bodyHash">From <see cref="RequestFingerprint"/>.</param>
    /// <returns>The row, and whether this call wrote it.</returns>
    /// <exception cref="ApiException">422: the key belongs to another request.</exception>
    public async Task<(IdempotencyRecord Row, bool IsNew)> FindOrAddAsync(
        string tenant, string key, string request, string bodyHash, CancellationToken cancellation)
    {
        string rowKey = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
        while (true)
        {
            if (await Rows.FindAsync(tenant, rowKey, cancellation) is not { } row)
            {
                if (await TryAddAsync(New(tenant, rowKey, request, bodyHash), cancellation) is { } added)
                    return (added, IsNew: true);
            }
            else if (row.ExpiresAt <= time.GetUtcNow())
                await Rows.TryDeleteAsync(row, cancellation);
            else if (row.Request == request && row.BodyHash == bodyHash)
                return (row, IsNew: false);
            else
                throw Reused();
        }
    }

    private IdempotencyRecord New(string tenant, string rowKey, string request, string bodyHash)
    {
        var now = time.GetUtcNow();
        return new IdempotencyRecord
        {
            PartitionKey = tenant,
            RowKey = rowKey,
            Request = request,
            BodyHash = bodyHash,
            WorkKey = SortableKey.Create(time),
            Tries = 1,
            CreatedAt = now,
            ExpiresAt = now + RetentionOptions.Idempotency,
        };
    }

    /// <returns>Null when another process was first.</returns>
    private async Task<IdempotencyRecord?> TryAddAsync(IdempotencyRecord row, CancellationToken cancellation)
    {
        try
        {
            await Rows.AddAsync(row, cancellation);
            return row;
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            // Its own call whose answer was lost, or another process: the work key tells.
            var current = await Rows.FindAsync(row.PartitionKey, row.RowKey, cancellation);
            return current?.WorkKey == row.WorkKey ? current : null;
        }
    }

    private static ApiException Reused() => new(
        StatusCodes.Status422UnprocessableEntity,
        new ApiError(
            $"This {IdempotencyKey.Header} belongs to a request with another path or body; use a new key for a new request",
            "invalid_request_error",
            IdempotencyKey.Header,
            "idempotency_key_reused"))
    {
        ShouldRetry = false,
    };
}
