using LLaDA.Batch.Shared.Files;
using LLaDA.Tests;

namespace LLaDA.Batch.Shared.Tests;

public sealed class FileStoreTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_file_can_be_seen_only_when_it_is_whole()
    {
        var files = new FileStore(await fixture.NewAccountAsync(), TimeProvider.System);
        string key = files.NewKey();
        await using (var stream = await files.OpenWriteAsync("tenant", key, CancellationToken.None))
        {
            await stream.WriteAsync("hello"u8.ToArray());
            Assert.Null(await files.FindAsync("tenant", FileRecord.IdPrefix + key, CancellationToken.None));
        }

        await files.AddAsync("tenant", key, "a.jsonl", FilePurpose.Batch, CancellationToken.None);

        var file = await files.FindAsync("tenant", FileRecord.IdPrefix + key, CancellationToken.None);
        Assert.Equal(5, file!.Bytes);
        await using var content = await files.OpenReadAsync(file, CancellationToken.None);
        Assert.Equal("hello", await new StreamReader(content).ReadToEndAsync());
    }

    [Fact]
    public async Task Another_tenants_file_does_not_exist()
    {
        var files = new FileStore(await fixture.NewAccountAsync(), TimeProvider.System);
        string key = files.NewKey();
        await (await files.OpenWriteAsync("tenant", key, CancellationToken.None)).DisposeAsync();
        var file = await files.AddAsync("tenant", key, "a", FilePurpose.Batch, CancellationToken.None);

        Assert.Null(await files.FindAsync("other", file.Id, CancellationToken.None));
    }
}
