using Azure.Data.Tables;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Testing;

/// <summary>Rows as earlier versions stored them, written by their column names. A property may be renamed, its column may not.</summary>
public static class StoredRows
{
    public const string Partition = "acme", Key = "25189e5a4f0c1fff0123456789ab";

    /// <summary>Asserts that a row is read.</summary>
    public static async Task<TableOf<T>> AssertReadAsync<T>(
        this StorageFixture fixture,
        string table,
        Dictionary<string, object> columns,
        Action<T> check,
        string partition = Partition,
        string key = Key)
        where T : TableRow
    {
        var storage = await fixture.NewAccountAsync();
        var row = new TableEntity(partition, key);
        foreach (var (name, value) in columns)
            row[name] = value;
        await storage.Table(table).AddEntityAsync(row);
        var rows = new TableOf<T>(storage.Table(table));

        check((await rows.FindAsync(partition, key, CancellationToken.None))!);
        return rows;
    }

    /// <summary>Asserts that a row is read completely, and written back with the same columns and values.</summary>
    /// <param name="added">Columns that rows had not yet when they were written.</param>
    public static async Task AssertKeptAsync<T>(
        this StorageFixture fixture,
        string table,
        Dictionary<string, object> columns,
        Action<T> check,
        string partition = Partition,
        string key = Key,
        params (string Name, object Value)[] added)
        where T : TableRow
    {
        var rows = await fixture.AssertReadAsync(table, columns, check, partition, key);
        var row = (await rows.FindAsync(partition, key, CancellationToken.None))!;
        row.RowKey = key + "2";
        var other = await fixture.NewAccountAsync();
        await new TableOf<T>(other.Table(table)).AddAsync(row, CancellationToken.None);

        var stored = (await other.Table(table).GetEntityAsync<TableEntity>(partition, row.RowKey)).Value;
        var written = stored.Where(column => column.Key is not ("PartitionKey" or "RowKey" or "Timestamp" or "odata.etag"));
        foreach (var (name, value) in added)
            columns.Add(name, value);
        Assert.Equal(
            columns.OrderBy(column => column.Key, StringComparer.Ordinal), written.OrderBy(column => column.Key, StringComparer.Ordinal));
    }
}
