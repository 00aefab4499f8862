using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Tests.Keys;

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
            Assert.DoesNotContain(row.Keys, name => row[name]?.ToString()?.Contains(key[^64..], StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData("")]
    [InlineData("llada-")]
    [InlineData("llada-000000000000-0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("' or PartitionKey ne '")]
    public async Task Other_keys_lead_nowhere(string key)
    {
        var keys = new ApiKeys(await fixture.NewAccountAsync(), TimeProvider.System);
        await keys.CreateAsync("tenant", "a name", CancellationToken.None);

        Assert.Null(await keys.FindAsync(key, CancellationToken.None));
    }

    [Fact]
    public async Task A_key_with_one_wrong_digit_leads_nowhere()
    {
        var keys = new ApiKeys(await fixture.NewAccountAsync(), TimeProvider.System);
        string key = await keys.CreateAsync("tenant", "a name", CancellationToken.None);

        for (int place = "llada-".Length; place < key.Length; place++)
        {
            string wrong = key[..place] + (key[place] == '0' ? '1' : '0') + key[(place + 1)..];
            Assert.Null(await keys.FindAsync(wrong, CancellationToken.None));
        }
    }

    [Fact]
    public async Task A_revoked_key_leads_nowhere_and_the_tenants_others_go_on()
    {
        var keys = new ApiKeys(await fixture.NewAccountAsync(), TimeProvider.System);
        string lost = await keys.CreateAsync("tenant", "laptop", CancellationToken.None);
        string kept = await keys.CreateAsync("tenant", "server", CancellationToken.None);

        Assert.True(await keys.RevokeAsync((await keys.FindAsync(lost, CancellationToken.None))!.Id, CancellationToken.None));

        Assert.Null(await keys.FindAsync(lost, CancellationToken.None));
        Assert.Equal("server", (await keys.FindAsync(kept, CancellationToken.None))!.Name);
        var listed = await keys.ListAsync(CancellationToken.None).ToListAsync();
        Assert.Equal([("laptop", true), ("server", false)], listed.Select(key => (key.Name, key.RevokedAt is not null)).Order());
        Assert.False(await keys.RevokeAsync("000000000000", CancellationToken.None));
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

    [Fact]
    public async Task A_key_that_storage_has_lost_can_be_restored()
    {
        string key = await new ApiKeys(await fixture.NewAccountAsync(), TimeProvider.System)
            .CreateAsync("tenant", "a name", CancellationToken.None);
        var keys = new ApiKeys(await fixture.NewAccountAsync(), TimeProvider.System);

        Assert.True(await keys.TryRestoreAsync(key, "tenant", "a name", CancellationToken.None));

        var restored = await keys.FindAsync(key, CancellationToken.None);
        Assert.Equal(("tenant", "a name"), (restored!.Tenant, restored.Name));
        Assert.False(await keys.TryRestoreAsync("llada-", "tenant", "a name", CancellationToken.None));
    }

    [Fact]
    public async Task A_revoked_key_cannot_be_restored()
    {
        var keys = new ApiKeys(await fixture.NewAccountAsync(), TimeProvider.System);
        string key = await keys.CreateAsync("tenant", "a name", CancellationToken.None);
        await keys.RevokeAsync(key.Split('-')[1], CancellationToken.None);

        Assert.False(await keys.TryRestoreAsync(key, "tenant", "a name", CancellationToken.None));
        Assert.Null(await keys.FindAsync(key, CancellationToken.None));
    }
}
