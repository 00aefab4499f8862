using System.Runtime.CompilerServices;
using Azure;
using Azure.Data.Tables;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>The rows of one kind. Every change is conditional on the version that was read.</summary>
public sealed class TableOf<T>(TableClient table)
    where T : TableRow
{
    private const int MaxUpdateAttempts = 20, MaxTransaction = 100;

    /// <summary>The key at which pages end, exclusive; null where pages list all rows.</summary>
    public string? PagesEndBefore { get; init; }

    /// <exception cref="RequestFailedException">409: there is such a row already.</exception>
    public async Task AddAsync(T record, CancellationToken cancellation) =>
        record.ETag = (await table.AddEntityAsync(record, cancellation)).Headers.ETag!.Value;

    /// <summary>Adds a row under a new random key: an existing row is this one, written by a call whose answer was lost.</summary>
    public async Task AddIdempotentAsync(T record, CancellationToken cancellation)
    {
        try
        {
            await AddAsync(record, cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            // It exists.
        }
    }

    /// <summary>Writes a row, whether or not one exists.</summary>
    public Task PutAsync(T record, CancellationToken cancellation) =>
        table.UpsertEntityAsync(record, TableUpdateMode.Replace, cancellation);

    public async Task<T?> FindAsync(string partition, string key, CancellationToken cancellation)
    {
        var found = await table.GetEntityIfExistsAsync<T>(partition, key, cancellationToken: cancellation);
        return found.HasValue ? found.Value : null;
    }

    /// <summary>Read-modify-write with optimistic concurrency: retries on an ETag conflict.</summary>
    /// <param name="change">Changes the row and returns whether to write it; called again with the new row at each retry.</param>
    public async Task<RowUpdate<T>> UpdateAsync(string partition, string key, Func<T, bool> change, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            var record = await FindAsync(partition, key, cancellation);
            if (record is null || !change(record))
                return new RowUpdate<T>(record, Written: false);
            try
            {
                await WriteAsync(record, cancellation);
                return new RowUpdate<T>(record, Written: true);
            }
            catch (RequestFailedException failure) when (failure.Status is 412 or 404 && attempt < MaxUpdateAttempts)
            {
                // Another writer was first: read again.
            }
        }
    }

    /// <summary>Writes a row unless it changed since it was read.</summary>
    /// <returns>False when it was changed or deleted since.</returns>
    public async Task<bool> TryUpdateAsync(T record, CancellationToken cancellation)
    {
        try
        {
            await WriteAsync(record, cancellation);
            return true;
        }
        catch (RequestFailedException failure) when (failure.Status is 404 or 412)
        {
            return false;
        }
    }

    /// <summary>Deletes a row unless it changed since it was read.</summary>
    /// <returns>False when it was changed or deleted since.</returns>
    public async Task<bool> TryDeleteAsync(T record, CancellationToken cancellation)
    {
        try
        {
            // The client reports a missing row as deleted.
            var response = await table.DeleteEntityAsync(record.PartitionKey, record.RowKey, record.ETag, cancellation);
            return response.Status != 404;
        }
        catch (RequestFailedException failure) when (failure.Status is 404 or 412)
        {
            return false;
        }
    }

    /// <summary>Deletes a row whatever its version; a missing row is no error.</summary>
    public Task DeleteAsync(string partition, string key, CancellationToken cancellation) =>
        table.DeleteEntityAsync(partition, key, ETag.All, cancellation);

    /// <summary>Deletes all rows of a partition, in transactions of as many as storage takes.</summary>
    public async Task DeletePartitionAsync(string partition, CancellationToken cancellation)
    {
        await foreach (var rows in ListAsync(partition, after: null, cancellation).Chunk(MaxTransaction).WithCancellation(cancellation))
        {
            try
            {
                await table.SubmitTransactionAsync(
                    rows.Select(row => new TableTransactionAction(TableTransactionActionType.Delete, row, ETag.All)), cancellation);
            }
            catch (TableTransactionFailedException failure) when (failure.Status == 404)
            {
                foreach (var row in rows)       // another process has deleted one of them
                    await DeleteAsync(row.PartitionKey, row.RowKey, cancellation);
            }
        }
    }

    /// <summary>Rows of a partition in the order of their keys.</summary>
    /// <param name="after">Exclusive lower bound of the keys; null lists all.</param>
    public async IAsyncEnumerable<T> ListAsync(string partition, string? after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string filter = after is null
            ? TableClient.CreateQueryFilter($"PartitionKey eq {partition}")
            : TableClient.CreateQueryFilter($"PartitionKey eq {partition} and RowKey gt {after}");
        await foreach (var record in table.QueryAsync<T>(filter, cancellationToken: cancellation))
            yield return record;
    }

    /// <summary>Rows of a partition whose keys start with a prefix, in the order of their keys.</summary>
    public async IAsyncEnumerable<T> ListPrefixAsync(
        string partition, string prefix, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string end = prefix[..^1] + (char)(prefix[^1] + 1);
        string filter = TableClient.CreateQueryFilter($"PartitionKey eq {partition} and RowKey ge {prefix} and RowKey lt {end}");
        await foreach (var record in table.QueryAsync<T>(filter, cancellationToken: cancellation))
            yield return record;
    }

    /// <summary>Rows of a partition whose keys lie in a range, in the order of their keys.</summary>
    /// <param name="from">Inclusive.</param>
    /// <param name="until">Exclusive.</param>
    public IAsyncEnumerable<T> ListRangeAsync(string partition, string from, string until, CancellationToken cancellation) =>
        table.QueryAsync<T>(
            TableClient.CreateQueryFilter($"PartitionKey eq {partition} and RowKey ge {from} and RowKey lt {until}"),
            cancellationToken: cancellation);

    /// <summary>Rows of a partition in front of a key that have a value in a column, in the order of their keys.</summary>
    public IAsyncEnumerable<T> ListBeforeAsync(
        string partition, string key, string column, string value, CancellationToken cancellation)
    {
        string range = TableClient.CreateQueryFilter($"PartitionKey eq {partition} and RowKey lt {key}");
        string match = TableClient.CreateQueryFilter($"{value}");
        return table.QueryAsync<T>($"{range} and {column} eq {match}", cancellationToken: cancellation);
    }

    /// <summary>Rows of all partitions that match a filter of the table service. Reads the whole table: for timers only.</summary>
    public IAsyncEnumerable<T> ScanAsync(string filter, CancellationToken cancellation) =>
        table.QueryAsync<T>(filter, cancellationToken: cancellation);

    /// <summary>A page of a listing.</summary>
    /// <param name="after">The key after which the page starts, whether or not its row still exists.</param>
    /// <param name="isAscending">Oldest first. Reads the whole partition, since tables are only read forwards.</param>
    /// <param name="where">Which rows to list.</param>
    public async Task<(IReadOnlyList<T> Page, bool HasMore)> PageAsync(
        string partition, string? after, int limit, bool isAscending, Func<T, bool> where, CancellationToken cancellation)
    {
        List<T> page = [];
        if (isAscending)
        {
            var older = new Queue<T>();
            string filter = TableClient.CreateQueryFilter($"PartitionKey eq {partition} and RowKey lt {after ?? PagesEndBefore ?? "~"}");
            await foreach (var record in table.QueryAsync<T>(filter, cancellationToken: cancellation))
            {
                if (!where(record))
                    continue;
                older.Enqueue(record);
                if (older.Count > limit + 1)
                    older.Dequeue();
            }
            page.AddRange(older.Reverse());
        }
        else
        {
            string filter = TableClient.CreateQueryFilter(
                $"PartitionKey eq {partition} and RowKey gt {after ?? ""} and RowKey lt {PagesEndBefore ?? "~"}");
            await foreach (var record in table.QueryAsync<T>(filter, cancellationToken: cancellation))
            {
                if (where(record))
                    page.Add(record);
                if (page.Count > limit)
                    break;
            }
        }
        bool hasMore = page.Count > limit;
        return (hasMore ? page[..limit] : page, hasMore);
    }

    private async Task WriteAsync(T record, CancellationToken cancellation) =>
        record.ETag = (await table.UpdateEntityAsync(record, record.ETag, TableUpdateMode.Replace, cancellation)).Headers.ETag!.Value;
}
