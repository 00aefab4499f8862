using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Tests;

namespace LLaDA.Batch.Shared.Tests;

public sealed class ApiKeysTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_key_leads_to_its_tenant_and_is_stored_nowhere()
    {
        var storage = await fixture.NewAccountAsync();
        var keys = new ApiKeys(storage, TimeProvider.System);

        string key = await keys.CreateAsync("tenant", "a name", CancellationToken.None);

        Assert.Equal("tenant", (await keys.FindAsync(key, CancellationToken.None))!.Tenant);
        await foreach (var row in storage.Table(StorageNames.KeysTable).QueryAsync<Azure.Data.Tables.TableEntity>())
            Assert.DoesNotContain(row.Keys, name => row[name]?.ToString()?.Contains(key, StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData("")]
    [InlineData("llada-")]
    [InlineData("llada-0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("' or PartitionKey ne '")]
    public async Task Other_keys_lead_nowhere(string key)
    {
        var keys = new ApiKeys(await fixture.NewAccountAsync(), TimeProvider.System);
        await keys.CreateAsync("tenant", "a name", CancellationToken.None);

        Assert.Null(await keys.FindAsync(key, CancellationToken.None));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("a|b")]
    [InlineData("_everyone")]
    [InlineData("UPPER")]
    public async Task A_tenant_whose_name_could_reach_beyond_its_rows_is_refused(string tenant)
    {
        var keys = new ApiKeys(await fixture.NewAccountAsync(), TimeProvider.System);

        await Assert.ThrowsAsync<ArgumentException>(() => keys.CreateAsync(tenant, "a name", CancellationToken.None));
    }
}
