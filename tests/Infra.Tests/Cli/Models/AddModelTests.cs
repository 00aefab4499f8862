using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Azure;
using Azure.Core;
using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using LLaDA.Batch.Cli.Models;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Batch.Infra.Tests.Cli.Models;

/// <summary><c>models add</c> and <c>models prune</c>.</summary>
public sealed class AddModelTests : IAsyncLifetime, IDisposable
{
    private readonly string _connection;
    private readonly ModelFolder _folder = new();
    private readonly StorageAccount _storage;
    private readonly ModelCatalog _catalog;

    public AddModelTests(StorageFixture fixture)
    {
        _connection = fixture.NewConnectionString();
        _storage = new StorageAccount(new StorageOptions { ConnectionString = _connection });
        _catalog = new ModelCatalog(_storage);
    }

    public async ValueTask InitializeAsync() =>
        await _storage.EnsureCreatedAsync([StorageNames.DefaultProfile, "a100"], CancellationToken.None);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_added_model_can_be_named_and_its_folder_is_whole()
    {
        string output = await DoneAsync("models", "add", _folder.Path, "--profile", "a100");

        var model = (await _catalog.FindAsync("anybody", "tiny", CancellationToken.None))!;
        Assert.Equal(("a100", ModelFolder.ContextLength, ModelRecord.EveryTenant), (model.Profile, model.ContextLength, model.Tenant));
        Assert.Equal(0, model.TokenForwardsPerSecond);
        long count = _folder.Config.NumParameters;
        Assert.Equal(("LLaDA", count, count), (model.Family, model.NumParameters, model.NumActiveParameters));
        var manifest = await ManifestAsync(model.Folder);
        Assert.Equal(Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order(), manifest.Files.Keys.Order());
        string hash = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(_folder.File(ModelFolder.Weights))));
        Assert.Equal(hash, manifest.Files[ModelFolder.Weights].Sha256);
        Assert.Contains(hash, output, StringComparison.Ordinal);
        Assert.Contains(" all ", await DoneAsync("models", "list"), StringComparison.Ordinal);
        var listed = JsonNode.Parse(await DoneAsync("models", "list", "--json"))![0]!;
        Assert.Equal(model.Folder, listed["folder"]!.GetValue<string>());
        Assert.Equal(
            ("LLaDA", count, count),
            (listed["family"]!.GetValue<string>(), listed["parameters"]!.GetValue<long>(), listed["active_parameters"]!.GetValue<long>()));
    }

    [Fact]
    public async Task A_model_of_a_tenant_is_seen_by_that_one_alone()
    {
        await DoneAsync("models", "add", _folder.Path, "--tenant", "acme", "--name", "org/own");

        Assert.Equal("acme", (await _catalog.FindAsync("acme", "org/own", CancellationToken.None))!.Tenant);
        Assert.Null(await _catalog.FindAsync("others", "org/own", CancellationToken.None));
        Assert.DoesNotContain("org/own", await DoneAsync("models", "list", "--tenant", "others"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cut", "it was truncated")]
    [InlineData("tensor", "is missing")]
    [InlineData("config", "config.json")]
    [InlineData("tokenizer", "tokenizer.json")]
    [InlineData("mask", "the mask token")]
    [InlineData("causal", "autoregressive twin")]
    [InlineData("adapter", "holds an adapter")]
    [InlineData("manifest", "is damaged")]
    [InlineData("profile", "No worker serves the profile h100")]
    public async Task What_a_worker_could_not_load_is_refused_and_leaves_nothing(string fault, string reason)
    {
        string weights = _folder.File(ModelFolder.Weights);
        switch (fault)
        {
            case "cut":
                await File.WriteAllBytesAsync(weights, (await File.ReadAllBytesAsync(weights))[..^1]);
                break;
            case "tensor":
                _folder.Write(_folder.Config with { NumLayers = 2 });
                break;
            case "config":
                await File.WriteAllTextAsync(_folder.File("config.json"), "{");
                break;
            case "tokenizer":
                File.Delete(_folder.File("tokenizer.json"));
                break;
            case "mask":
                _folder.Write(_folder.Config with { MaskTokenId = 10 });
                break;
            case "causal":
                _folder.Write(_folder.Config with { IsCausal = true });
                break;
            case "adapter":
                await File.WriteAllTextAsync(_folder.File("adapter_config.json"), "{}");
                break;
            case "manifest":
                Manifest.Write(_folder.Path);
                _folder.WriteWeights(fill: 1);
                break;
        }

        string[] profile = fault == "profile" ? ["--profile", "h100"] : [];
        string refused = await Operator.RefusedAsync(_connection, ["models", "add", _folder.Path, .. profile]);

        Assert.Contains(reason, refused, StringComparison.Ordinal);
        Assert.Empty(await FoldersAsync());
        Assert.Null(await _catalog.FindAsync("anybody", "tiny", CancellationToken.None));
    }

    [Fact]
    public async Task A_changed_model_gets_a_folder_of_its_own_and_an_unchanged_one_is_not_uploaded_again()
    {
        await DoneAsync("models", "add", _folder.Path);
        var first = await FindAsync();
        await _catalog.SetRateAsync(first, 1000, CancellationToken.None);

        await DoneAsync("models", "add", _folder.Path);
        var again = await FindAsync();
        Assert.Equal((first.Folder, 1000, first.CreatedAt), (again.Folder, again.TokenForwardsPerSecond, again.CreatedAt));

        _folder.WriteWeights(fill: 1);
        await DoneAsync("models", "add", _folder.Path);
        var changed = await FindAsync();
        Assert.NotEqual(first.Folder, changed.Folder);
        Assert.Equal(0, changed.TokenForwardsPerSecond);
        Assert.Equal(new[] { first.Folder, changed.Folder }.Order(), await FoldersAsync());
    }

    [Fact]
    public async Task The_folder_of_a_replaced_model_and_a_half_uploaded_one_are_pruned_once_no_process_can_be_writing_them()
    {
        await DoneAsync("models", "add", _folder.Path);
        string replaced = (await FindAsync()).Folder;
        _folder.WriteWeights(fill: 1);
        await DoneAsync("models", "add", _folder.Path);
        string half = ModelFolders.NewFolder(ModelRecord.EveryTenant, TimeProvider.System);
        var models = _storage.Container(StorageNames.ModelsContainer);
        await models.GetBlobClient($"{half}/config.json").UploadAsync(BinaryData.FromString("{}"));
        string job = SortableKey.Create(TimeProvider.System);
        foreach (string file in new[] { "run", "1/2/model.safetensors" })
            await models.GetBlobClient($"acme/{job}/{file}").UploadAsync(BinaryData.FromString("a job's"));

        Assert.DoesNotContain(replaced, await DoneAsync("models", "prune", "--delete"), StringComparison.Ordinal);

        var unused = await new UnusedFolders(_storage, new Later(TimeSpan.FromDays(2))).ListAsync(CancellationToken.None);
        Assert.Contains((replaced, true), unused.Select(folder => (folder.Folder, folder.IsWhole)));
        Assert.Contains((half, false), unused.Select(folder => (folder.Folder, folder.IsWhole)));
        Assert.DoesNotContain(unused, folder => folder.Folder == $"acme/{job}");
        Assert.DoesNotContain((await FindAsync()).Folder, unused.Select(folder => folder.Folder));
    }

    [Fact]
    public async Task Weights_below_an_adapter_are_changed_by_force_alone()
    {
        await DoneAsync("models", "add", _folder.Path);
        var adapter = new ModelRecord { PartitionKey = "acme", Id = "ft:tiny::mine:1", Folder = "acme/x/1/1", BaseModel = "tiny" };
        await _catalog.RegisterAsync(adapter, CancellationToken.None);
        _folder.WriteWeights(fill: 1);

        string refused = await Operator.RefusedAsync(_connection, "models", "add", _folder.Path);
        Assert.Contains(adapter.Id, refused, StringComparison.Ordinal);
        await DoneAsync("models", "add", _folder.Path, "--force");
    }

    [Fact]
    public async Task A_name_that_workers_have_a_folder_for_is_not_taken()
    {
        await _catalog.RegisterAsync(new ModelRecord { PartitionKey = ModelRecord.EveryTenant, Id = "tiny" }, CancellationToken.None);

        string refused = await Operator.RefusedAsync(_connection, "models", "add", _folder.Path);
        Assert.Contains("choose another name", refused, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_failure_while_registering_leaves_no_folder_unless_the_answer_alone_was_lost(bool isWritten)
    {
        static bool IsRegistration(string call) => call.StartsWith("PUT", StringComparison.Ordinal)
            && call.Contains("/models(", StringComparison.Ordinal);
        static Task Fail(string call) =>
            IsRegistration(call) ? throw new RequestFailedException(503, "busy", "ServerBusy", innerException: null) : Task.CompletedTask;
        var faults = isWritten ? new StorageFaults { After = Fail } : new StorageFaults { Before = Fail };
        var storage = faults.Account(_connection);
        using var input = ModelInput.Local(_folder.Path);

        await Assert.ThrowsAsync<RequestFailedException>(() => AddAsync(storage, input));

        var known = await _catalog.FindAsync("anybody", "tiny", CancellationToken.None);
        Assert.Equal(isWritten, known is not null);
        Assert.Equal(known is null ? [] : [known.Folder], await FoldersAsync());
    }

    [Fact]
    public async Task Two_that_add_the_same_name_at_once_leave_one_whole_model()
    {
        using var other = new ModelFolder();
        other.WriteWeights(fill: 1);

        await Task.WhenAll(DoneAsync("models", "add", _folder.Path), DoneAsync("models", "add", other.Path));

        Assert.Equal(4, (await ManifestAsync((await FindAsync()).Folder)).Files.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_model_comes_from_blob_storage_without_a_word_of_its_signature(bool isSigned)
    {
        var source = await SourceAsync();
        const BlobContainerSasPermissions allowed = BlobContainerSasPermissions.Read | BlobContainerSasPermissions.List;
        string query = isSigned ? source.GenerateSasUri(allowed, TimeProvider.System.GetUtcNow().AddHours(1)).Query : "";

        string output = await DoneAsync("models", "add", $"{source.Uri}/some/tiny/{query}");

        Assert.DoesNotContain("sig=", output, StringComparison.Ordinal);
        var manifest = await ManifestAsync((await FindAsync()).Folder);
        Assert.DoesNotContain("deeper.bin", manifest.Files.Keys);
        byte[] weights = await File.ReadAllBytesAsync(_folder.File(ModelFolder.Weights));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(weights)), manifest.Files[ModelFolder.Weights].Sha256);
    }

    [Theory]
    [InlineData("tiny", "sig=c2VjcmV0", "cannot be read")]
    [InlineData("broken", null, "it was truncated")]
    [InlineData("nothing", null, "There are no files")]
    public async Task A_place_in_blob_storage_that_holds_no_model_is_named_without_its_signature(
        string name, string? signature, string reason)
    {
        var source = await SourceAsync();
        byte[] weights = await File.ReadAllBytesAsync(_folder.File(ModelFolder.Weights));
        foreach (string file in new[] { "config.json", "tokenizer.json" })
            await source.GetBlobClient($"some/broken/{file}").UploadAsync(_folder.File(file));
        await source.GetBlobClient($"some/broken/{ModelFolder.Weights}").UploadAsync(new BinaryData(weights[..^1]));
        string query = signature is null ? "" : $"?sv=2024-11-04&sr=c&sp=rl&se=2099-01-01T00%3A00%3A00Z&{signature}";

        string url = $"{source.Uri}/some/{name}{query}";
        var (code, _, error) = await Operator.RunAsync("models", "add", url, "--connection-string", _connection);

        Assert.NotEqual(0, code);
        Assert.Contains($"/some/{name}", error, StringComparison.Ordinal);
        Assert.Contains(reason, error, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", error, StringComparison.Ordinal);
        Assert.Empty(await FoldersAsync());
    }

    [Fact]
    public async Task A_file_that_is_replaced_after_it_was_checked_is_not_added()
    {
        var source = await SourceAsync();
        using var input = await BlobModelInput.OpenAsync(new Uri($"{source.Uri}/some/tiny"), _storage, CancellationToken.None);
        var weights = source.GetBlobClient($"some/tiny/{ModelFolder.Weights}");
        await weights.UploadAsync(BinaryData.FromString("something else"), overwrite: true);

        var failure = await Assert.ThrowsAsync<RequestFailedException>(() => AddAsync(_storage, input));

        Assert.Equal(412, failure.Status);
        Assert.Empty(await FoldersAsync());
    }

    private Task<string> DoneAsync(params string[] args) => Operator.DoneAsync(_connection, args);

    private static Task<ModelRecord> AddAsync(StorageAccount storage, ModelInput input)
    {
        var asked = new NewModel("tiny", ModelRecord.EveryTenant, StorageNames.DefaultProfile);
        return new ModelAddition(storage, TimeProvider.System).RunAsync(asked, input, onUploaded: null, CancellationToken.None);
    }

    private async Task<ModelRecord> FindAsync() => (await _catalog.FindAsync("anybody", "tiny", CancellationToken.None))!;

    private async Task<ModelManifest> ManifestAsync(string folder)
    {
        var json = await new ModelFolders(_storage).FindManifestAsync(folder, CancellationToken.None);
        return ModelManifest.Parse(json!, folder);
    }

    /// <summary>The model's files in a container of documents, in folder some/tiny.</summary>
    private async Task<BlobContainerClient> SourceAsync()
    {
        var source = _storage.Container("documents");
        await source.CreateAsync();
        foreach (string file in Directory.GetFiles(_folder.Path))
            await source.GetBlobClient($"some/tiny/{Path.GetFileName(file)}").UploadAsync(file);
        await source.GetBlobClient("some/tiny/deeper/deeper.bin").UploadAsync(BinaryData.FromString("not of the model"));
        return source;
    }

    private async Task<string[]> FoldersAsync()
    {
        var blobs = await _storage.Container(StorageNames.ModelsContainer).GetBlobsAsync().ToListAsync();
        return [.. blobs.Select(blob => blob.Name[..blob.Name.LastIndexOf('/')]).Distinct().Order()];
    }

    private sealed class Later(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
