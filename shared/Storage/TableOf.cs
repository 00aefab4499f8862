using System.Runtime.CompilerServices;
using Azure;
using Azure.Data.Tables;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>What every row of a table has: its tenant, its key and the version that conditional writes name.</summary>
public abstract class TableRow : ITableEntity
{
    /// <summary>The tenant.</summary>
    public string PartitionKey { get; set; } = "";

    public string RowKey { get; set; } = "";

    public DateTimeOffset? Timestamp { get; set; }

    public ETag ETag { get; set; }
}

/// <summary>The rows of one kind. Every change names the version that it saw.</summary>
public sealed class TableOf<T>(TableClient table)
    where T : TableRow
{
    private const int MaxUpdateAttempts = 20;

    /// <exception cref="RequestFailedException">409: there is such a row already.</exception>
    public async Task AddAsync(T record, CancellationToken cancellation) => record.ETag = (await table.AddEntityAsync(record, cancellation)).Headers.ETag!.Value;

    /// <summary>Writes a row whose key was just drawn at random: one that is there already is this one, written by a call whose answer got lost.</summary>
    public async Task AddIdempotentAsync(T record, CancellationToken cancellation)
    {
        try
        {
            await AddAsync(record, cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            // It is there.
        }
    }

    public async Task PutAsync(T record, CancellationToken cancellation) => await table.UpsertEntityAsync(record, TableUpdateMode.Replace, cancellation);

    public async Task<T?> FindAsync(string partition, string key, CancellationToken cancellation)
    {
        var found = await table.GetEntityIfExistsAsync<T>(partition, key, cancellationToken: cancellation);
        return found.HasValue ? found.Value : null;
    }

    /// <summary>Changes a row, again and again until nobody changed it in between.</summary>
    /// <param name="change">Says whether there is anything to write; sees the row afresh at each attempt.</param>
    /// <returns>The row as it is now; null when there is none.</returns>
    public async Task<T?> UpdateAsync(string partition, string key, Func<T, bool> change, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            var record = await FindAsync(partition, key, cancellation);
            if (record is null || !change(record))
                return record;
            try
            {
                record.ETag = (await table.UpdateEntityAsync(record, record.ETag, TableUpdateMode.Replace, cancellation)).Headers.ETag!.Value;
                return record;
            }
            catch (RequestFailedException failure) when (failure.Status is 412 or 404 && attempt < MaxUpdateAttempts)
            {
                // Somebody else was first: look again.
            }
        }
    }

    /// <summary>Changes a row if it is still what was read.</summary>
    /// <returns>False when it has been changed or deleted since.</returns>
    public async Task<bool> TryUpdateAsync(T record, CancellationToken cancellation)
    {
        try
        {
            record.ETag = (await table.UpdateEntityAsync(record, record.ETag, TableUpdateMode.Replace, cancellation)).Headers.ETag!.Value;
            return true;
        }
        catch (RequestFailedException failure) when (failure.Status is 404 or 412)
        {
            return false;
        }
    }

    /// <summary>Deletes a row if it is still what was read.</summary>
    /// <returns>False when it has been changed or deleted since.</returns>
    public async Task<bool> TryDeleteAsync(T record, CancellationToken cancellation)
    {
        try
        {
            // The client takes a row that is not there for deleted.
            var response = await table.DeleteEntityAsync(record.PartitionKey, record.RowKey, record.ETag, cancellation);
            return response.Status != 404;
        }
        catch (RequestFailedException failure) when (failure.Status is 404 or 412)
        {
            return false;
        }
    }

    public async Task DeleteAsync(string partition, string key, CancellationToken cancellation) => await table.DeleteEntityAsync(partition, key, ETag.All, cancellation);

    /// <summary>Rows of a partition in the order of their keys, from behind a key on.</summary>
    public async IAsyncEnumerable<T> ListAsync(string partition, string? after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string filter = after is null
            ? TableClient.CreateQueryFilter($"PartitionKey eq {partition}")
            : TableClient.CreateQueryFilter($"PartitionKey eq {partition} and RowKey gt {after}");
        await foreach (var record in table.QueryAsync<T>(filter, cancellationToken: cancellation))
            yield return record;
    }

    /// <summary>Rows of a partition whose keys start with a prefix, in the order of their keys.</summary>
    public async IAsyncEnumerable<T> ListPrefixAsync(string partition, string prefix, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string end = prefix[..^1] + (char)(prefix[^1] + 1);
        string filter = TableClient.CreateQueryFilter($"PartitionKey eq {partition} and RowKey ge {prefix} and RowKey lt {end}");
        await foreach (var record in table.QueryAsync<T>(filter, cancellationToken: cancellation))
            yield return record;
    }

    /// <summary>Rows of all partitions that match a filter in the table service's language; reads the whole table, so it is for timers.</summary>
    public IAsyncEnumerable<T> ScanAsync(string filter, CancellationToken cancellation) => table.QueryAsync<T>(filter, cancellationToken: cancellation);

    /// <summary>A page of a listing.</summary>
    /// <param name="after">The key behind which the page starts; the record need not exist any more.</param>
    /// <param name="isAscending">Oldest first; reads the keys of the whole partition, since tables are only read forwards.</param>
    /// <param name="where">Leaves out what it says no to.</param>
    public async Task<(IReadOnlyList<T> Page, bool HasMore)> PageAsync(
        string partition, string? after, int limit, bool isAscending, Func<T, bool> where, CancellationToken cancellation)
    {
        List<T> page = [];
        if (isAscending)
        {
            var older = new Queue<T>();
            string filter = TableClient.CreateQueryFilter($"PartitionKey eq {partition} and RowKey lt {after ?? "~"}");
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
            await foreach (var record in ListAsync(partition, after, cancellation))
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
}
