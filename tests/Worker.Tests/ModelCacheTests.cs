using System.Text;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Worker.Tests;

public sealed class ModelCacheTests(StorageFixture fixture) : IDisposable
{
    private const int FileBytes = 1000;

    private readonly string _path = Directory.CreateTempSubdirectory("llada-cache-").FullName;
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private StorageAccount _storage = null!;

    [Fact]
    public async Task What_was_uploaded_arrives_byte_for_byte_and_is_not_fetched_twice()
    {
        using var cache = await NewCacheAsync();
        await UploadAsync("a/1", "one", "two");

        string path;
        using (var model = await cache.AcquireAsync("a/1", CancellationToken.None))
        {
            path = model.Path;
            Assert.Equal(["one", "two"], Directory.GetFiles(path).Select(Path.GetFileName).Order());
            Assert.Equal(Content("one"), await File.ReadAllBytesAsync(Path.Combine(path, "one")));
        }
        await DeleteBlobAsync("a/1/one");       // whoever fetches it again would notice
        using var again = await cache.AcquireAsync("a/1", CancellationToken.None);

        Assert.Equal(path, again.Path);
    }

    [Fact]
    public async Task Those_who_want_the_same_model_at_once_share_one_download()
    {
        using var cache = await NewCacheAsync();
        await UploadAsync("a/1", "one", "two");

        var models = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => cache.AcquireAsync("a/1", CancellationToken.None)));

        Assert.Single(models.Select(model => model.Path).Distinct());
        Assert.Single(Directory.GetDirectories(_path));
        Assert.All(models, model => model.Dispose());
    }

    [Fact]
    public async Task A_cache_started_again_finds_its_models_and_the_whole_files_of_a_broken_download()
    {
        using (var cache = await NewCacheAsync())
        {
            await UploadAsync("a/1", "one");
            (await cache.AcquireAsync("a/1", CancellationToken.None)).Dispose();
            await UploadAsync("a/2", "two", "zwei");
            await DeleteBlobAsync("a/2/zwei");
            await Assert.ThrowsAsync<Azure.RequestFailedException>(() => cache.AcquireAsync("a/2", CancellationToken.None));
        }
        Assert.Single(Directory.GetDirectories(_path, "*.partial"));
        await DeleteBlobAsync("a/1/one");
        await DeleteBlobAsync("a/2/two");
        await PutAsync("a/2/zwei", Content("zwei"));

        using var restarted = Cache();
        using var whole = await restarted.AcquireAsync("a/1", CancellationToken.None);
        using var continued = await restarted.AcquireAsync("a/2", CancellationToken.None);

        Assert.Equal(Content("two"), await File.ReadAllBytesAsync(Path.Combine(continued.Path, "two")));
        Assert.Empty(Directory.GetDirectories(_path, "*.partial"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_damaged_file_is_fetched_again_and_the_others_are_not(bool isCut)
    {
        using var cache = await NewCacheAsync();
        await UploadAsync("a/1", "one", "two");
        string path;
        using (var model = await cache.AcquireAsync("a/1", CancellationToken.None))
            path = model.Path;
        await File.WriteAllBytesAsync(Path.Combine(path, "one"), isCut ? Content("one")[..^1] : [.. Content("one").Reverse()]);
        await DeleteBlobAsync("a/1/two");

        using var again = await cache.AcquireAsync("a/1", CancellationToken.None);

        Assert.Equal(Content("one"), await File.ReadAllBytesAsync(Path.Combine(again.Path, "one")));
    }

    [Fact]
    public async Task A_file_is_hashed_once_as_long_as_its_size_and_time_stay()
    {
        using var cache = await NewCacheAsync();
        await UploadAsync("a/1", "one");
        string path = Path.Combine(await PathAsync(), "one");
        var written = new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(path, written);
        await PathAsync();

        byte[] reversed = [.. Content("one").Reverse()];
        await File.WriteAllBytesAsync(path, reversed);
        File.SetLastWriteTimeUtc(path, written);
        await PathAsync();
        Assert.Equal(reversed, await File.ReadAllBytesAsync(path));

        File.SetLastWriteTimeUtc(path, written.AddSeconds(1));
        await PathAsync();
        Assert.Equal(Content("one"), await File.ReadAllBytesAsync(path));

        async Task<string> PathAsync()
        {
            using var model = await cache.AcquireAsync("a/1", CancellationToken.None);
            return model.Path;
        }
    }

    [Fact]
    public async Task A_model_that_was_replaced_in_storage_is_another_one()
    {
        using var cache = await NewCacheAsync();
        await UploadAsync("a/1", "one");
        using var old = await cache.AcquireAsync("a/1", CancellationToken.None);
        await new ModelFolders(_storage).UploadAsync("a/1", [Upload("one", "changed")], progress: null, CancellationToken.None);

        using var replaced = await cache.AcquireAsync("a/1", CancellationToken.None);

        Assert.Equal(Content("one"), await File.ReadAllBytesAsync(Path.Combine(old.Path, "one")));
        Assert.Equal(Content("changed"), await File.ReadAllBytesAsync(Path.Combine(replaced.Path, "one")));
    }

    [Fact]
    public async Task Bytes_that_are_not_those_of_the_manifest_never_become_visible()
    {
        using var cache = await NewCacheAsync();
        await UploadAsync("a/1", "one");
        await PutAsync("a/1/one", Content("another"));

        var refused = await Assert.ThrowsAsync<CheckpointException>(() => cache.AcquireAsync("a/1", CancellationToken.None));

        Assert.Contains("damaged in storage", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetDirectories(_path), folder => !folder.EndsWith(".partial", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_was_used_longest_ago_goes_first_and_what_is_in_use_stays()
    {
        using var cache = await NewCacheAsync(maxFiles: 3);
        foreach (string folder in new[] { "a", "b", "c", "d" })
            await UploadAsync(folder, folder);
        using var a = await UseAsync(cache, "a");
        (await UseAsync(cache, "b")).Dispose();
        (await UseAsync(cache, "c")).Dispose();
        (await UseAsync(cache, "b")).Dispose();

        (await UseAsync(cache, "d")).Dispose();

        Assert.Equal(["a", "b", "d"], Directory.GetFiles(_path, "?", SearchOption.AllDirectories).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_model_larger_than_the_cache_or_beside_those_in_use_is_refused()
    {
        using var cache = await NewCacheAsync(maxFiles: 2);
        await UploadAsync("a", "one", "two", "three");
        await UploadAsync("b", "b");
        await UploadAsync("c", "c", "d");
        using var b = await UseAsync(cache, "b");

        var larger = await Assert.ThrowsAsync<CheckpointException>(() => cache.AcquireAsync("a", CancellationToken.None));
        var beside = await Assert.ThrowsAsync<CheckpointException>(() => cache.AcquireAsync("c", CancellationToken.None));

        Assert.Contains("3000 bytes", larger.Message, StringComparison.Ordinal);
        Assert.Contains("in use", beside.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("{")]
    [InlineData("""{"files": {}}""")]
    [InlineData("""{"files": {"../one": {"bytes": 1, "sha256": "0000000000000000000000000000000000000000000000000000000000000000"}}}""")]
    public async Task A_folder_without_a_sound_manifest_is_no_model(string? manifest)
    {
        using var cache = await NewCacheAsync();
        if (manifest is not null)
            await PutAsync("a/" + ModelManifest.FileName, Encoding.UTF8.GetBytes(manifest));

        await Assert.ThrowsAsync<CheckpointException>(() => cache.AcquireAsync("a", CancellationToken.None));
    }

    [Fact]
    public async Task The_manifest_is_the_one_that_checkpoints_have()
    {
        await NewCacheAsync();
        await File.WriteAllBytesAsync(Path.Combine(_path, "one"), Content("one"));

        var uploaded = await new ModelFolders(_storage)
            .UploadAsync("a", ModelFolders.FilesOf(_path), progress: null, CancellationToken.None);
        Manifest.Write(_path);

        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(_path, Manifest.FileName)), uploaded.ToJson().ToString());
    }

    public void Dispose() => Directory.Delete(_path, recursive: true);

    private async Task<ModelCache> NewCacheAsync(int maxFiles = 100)
    {
        _storage = await fixture.NewAccountAsync();
        return Cache(maxFiles);
    }

    private ModelCache Cache(int maxFiles = 100) =>
        new(new ModelFolders(_storage), new ModelCacheOptions(_path, maxFiles * FileBytes), _time, NullLogger<ModelCache>.Instance);

    private async Task<CachedModel> UseAsync(ModelCache cache, string folder)
    {
        _time.Advance(TimeSpan.FromMinutes(1));
        return await cache.AcquireAsync(folder, CancellationToken.None);
    }

    private async Task UploadAsync(string folder, params string[] names) =>
        await new ModelFolders(_storage)
            .UploadAsync(folder, names.Select(name => Upload(name, name)), progress: null, CancellationToken.None);

    private async Task DeleteBlobAsync(string name) => await _storage.Container(StorageNames.ModelsContainer).DeleteBlobAsync(name);

    private async Task PutAsync(string name, byte[] content) =>
        await _storage.Container(StorageNames.ModelsContainer).GetBlobClient(name).UploadAsync(new BinaryData(content), overwrite: true);

    private static ModelUpload Upload(string name, string content) =>
        new(name, _ => Task.FromResult<Stream>(new MemoryStream(Content(content))));

    private static byte[] Content(string text) => [.. Enumerable.Range(0, FileBytes).Select(index => (byte)text[index % text.Length])];
}
