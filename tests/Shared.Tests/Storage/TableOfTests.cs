using Azure.Data.Tables;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Tests.Storage;

public sealed class TableOfTests(StorageFixture fixture)
{
    private const string Tenant = "tenant";

    [Fact]
    public async Task Changes_of_many_at_once_are_all_kept()
    {
        var records = await NewRecordsAsync();
        await AddAsync(records, "key");

        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => records.UpdateAsync(Tenant, "key", file =>
        {
            file.Bytes++;
            return true;
        }, CancellationToken.None)));

        Assert.Equal(10, (await records.FindAsync(Tenant, "key", CancellationToken.None))!.Bytes);
    }

    [Fact]
    public async Task A_change_that_declines_writes_nothing()
    {
        var records = await NewRecordsAsync();
        await AddAsync(records, "key");
        var before = await records.FindAsync(Tenant, "key", CancellationToken.None);

        var update = await records.UpdateAsync(Tenant, "key", _ => false, CancellationToken.None);

        Assert.False(update.Written);
        Assert.Equal(before!.ETag, (await records.FindAsync(Tenant, "key", CancellationToken.None))!.ETag);
    }

    [Fact]
    public async Task Changing_what_is_not_there_gives_nothing()
    {
        var records = await NewRecordsAsync();

        Assert.Equal(
            new RowUpdate<FileRecord>(Row: null, Written: false), await records.UpdateAsync(
                Tenant, "none", _ => true, CancellationToken.None));
    }

    [Fact]
    public async Task A_partition_is_deleted_whole_while_another_process_deletes_rows_of_it()
    {
        var faults = new StorageFaults();
        var storage = faults.Account(fixture.NewConnectionString());
        await storage.EnsureCreatedAsync([], CancellationToken.None);
        var table = storage.Table(StorageNames.FilesTable);
        foreach (var keys in Enumerable.Range(0, 230).Chunk(100))
        {
            await table.SubmitTransactionAsync(keys.Select(key => new TableTransactionAction(
                TableTransactionActionType.Add, new TableEntity(Tenant, $"k{key:D3}"))));
        }
        await table.AddEntityAsync(new TableEntity("other", "k"));
        var records = new TableOf<FileRecord>(table);
        bool isFirst = true;
        faults.Before = async call =>
        {
            if (!isFirst || !call.EndsWith("/$batch", StringComparison.Ordinal))
                return;
            isFirst = false;
            await records.DeleteAsync(Tenant, "k005", CancellationToken.None);
        };

        await records.DeletePartitionAsync(Tenant, CancellationToken.None);

        Assert.False(isFirst);
        Assert.Empty(await records.ListAsync(Tenant, after: null, CancellationToken.None).ToListAsync());
        Assert.NotNull(await records.FindAsync("other", "k", CancellationToken.None));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pages_together_are_the_listing_even_when_a_cursor_is_deleted(bool isAscending)
    {
        var records = await NewRecordsAsync();
        string[] keys = [.. Enumerable.Range(0, 7).Select(index => $"k{index}")];
        foreach (string key in keys)
            await AddAsync(records, key);

        List<string> seen = [];
        for (string? after = null; ;)
        {
            var (page, hasMore) = await records.PageAsync(Tenant, after, limit: 3, isAscending, _ => true, CancellationToken.None);
            seen.AddRange(page.Select(record => record.RowKey));
            Assert.Equal(seen.Count < keys.Length, hasMore);
            if (!hasMore)
                break;
            after = page[^1].RowKey;
            await records.DeleteAsync(Tenant, after, CancellationToken.None);
        }

        Assert.Equal(isAscending ? keys.Reverse() : keys, seen);
    }

    [Fact]
    public async Task A_listing_sees_its_own_tenant_only()
    {
        var records = await NewRecordsAsync();
        await AddAsync(records, "mine");
        await records.AddAsync(new FileRecord { PartitionKey = "other", RowKey = "theirs" }, CancellationToken.None);

        var (page, _) = await records.PageAsync(Tenant, after: null, limit: 10, isAscending: false, _ => true, CancellationToken.None);

        Assert.Equal(["mine"], page.Select(record => record.RowKey));
    }

    private async Task<TableOf<FileRecord>> NewRecordsAsync() => new((await fixture.NewAccountAsync()).Table(StorageNames.FilesTable));

    private static Task AddAsync(TableOf<FileRecord> records, string key) =>
        records.AddAsync(new FileRecord { PartitionKey = Tenant, RowKey = key }, CancellationToken.None);
}
