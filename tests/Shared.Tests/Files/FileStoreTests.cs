using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Tests.Files;

public sealed class FileStoreTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_file_can_be_seen_only_when_it_is_whole()
    {
        var files = new FileStore(await fixture.NewAccountAsync(), TimeProvider.System);
        string key = files.NewKey();
        await using (var writer = files.Write("tenant", key, CancellationToken.None))
        {
            await writer.Content.WriteAsync("hello"u8.ToArray());
            Assert.Null(await files.FindAsync("tenant", FileRecord.IdPrefix + key, CancellationToken.None));
            await writer.CompleteAsync();
        }

        await files.AddAsync("tenant", key, "a.jsonl", FilePurpose.Batch, expiresAt: null, CancellationToken.None);

        var file = await files.FindAsync("tenant", FileRecord.IdPrefix + key, CancellationToken.None);
        Assert.Equal(5, file!.Bytes);
        await using var content = await files.OpenReadAsync(file, CancellationToken.None);
        Assert.Equal("hello", await new StreamReader(content).ReadToEndAsync());
    }

    [Theory]
    [InlineData(10)]
    [InlineData(9 << 20)]
    public async Task Bytes_that_were_not_completed_are_not_kept(int count)
    {
        var storage = await fixture.NewAccountAsync();
        var files = new FileStore(storage, TimeProvider.System);
        await using (var writer = files.Write("tenant", files.NewKey(), CancellationToken.None))
            await writer.Content.WriteAsync(new byte[count]);

        Assert.Empty(await storage.Container(StorageNames.FilesContainer).GetBlobsAsync().ToListAsync());
    }

    [Theory]
    [InlineData(10)]
    [InlineData(9 << 20)]
    public async Task Two_writers_of_a_file_leave_the_one_that_was_first(int count)
    {
        var storage = await fixture.NewAccountAsync();
        var files = new FileStore(storage, TimeProvider.System);
        string key = files.NewKey();
        await using var late = files.Write("tenant", key, CancellationToken.None);
        await late.Content.WriteAsync(Enumerable.Repeat((byte)2, count).ToArray());
        await using (var first = files.Write("tenant", key, CancellationToken.None))
        {
            await first.Content.WriteAsync(Enumerable.Repeat((byte)1, count).ToArray());
            await first.CompleteAsync();
        }
        await late.CompleteAsync();

        var file = await files.AddAsync("tenant", key, "a", FilePurpose.Batch, expiresAt: null, CancellationToken.None);
        await using var content = await files.OpenReadAsync(file, CancellationToken.None);
        byte[] bytes = new byte[count];
        await content.ReadExactlyAsync(bytes);
        Assert.All(bytes, value => Assert.Equal(1, value));
    }

    [Fact]
    public async Task Another_tenants_file_does_not_exist()
    {
        var files = new FileStore(await fixture.NewAccountAsync(), TimeProvider.System);
        string key = files.NewKey();
        await using var writer = files.Write("tenant", key, CancellationToken.None);
        await writer.CompleteAsync();
        var file = await files.AddAsync("tenant", key, "a", FilePurpose.Batch, expiresAt: null, CancellationToken.None);

        Assert.Null(await files.FindAsync("other", file.Id, CancellationToken.None));
    }
}
