using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Azure;
using LLaDA.Batch.Cli.Models;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Batch.Infra.Tests.Cli.Models;

/// <summary><c>models add</c> and <c>models prune</c>.</summary>
public sealed class AddModelTests(StorageFixture fixture) : ModelCommandTests(fixture)
{
    [Fact]
    public async Task An_added_model_can_be_named_and_its_folder_is_whole()
    {
        string output = await DoneAsync("models", "add", Folder.Path, "--profile", "a100");

        var model = (await Catalog.FindAsync("anybody", "tiny", CancellationToken.None))!;
        Assert.Equal(("a100", ModelFolder.ContextLength, ModelRecord.EveryTenant), (model.Profile, model.ContextLength, model.Tenant));
        Assert.Equal(0, model.TokenForwardsPerSecond);
        long count = Folder.Config.NumParameters;
        Assert.Equal(("LLaDA", count, count), (model.Family, model.NumParameters, model.NumActiveParameters));
        var manifest = await ManifestAsync(model.Folder);
        Assert.Equal(Directory.GetFiles(Folder.Path).Select(Path.GetFileName).Order(), manifest.Files.Keys.Order());
        string hash = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Folder.File(ModelFolder.Weights))));
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
    public async Task Weights_in_8_bits_belong_to_the_record_and_the_speed_is_measured_again()
    {
        await DoneAsync("models", "add", Folder.Path);
        var first = await FindAsync();
        await Catalog.SetRateAsync(first, 1_000, CancellationToken.None);

        string output = await DoneAsync("models", "add", Folder.Path, "--weights", "int8");

        Assert.Contains("weights in 8 bits on a card", output, StringComparison.Ordinal);
        var model = await FindAsync();
        Assert.Equal((ModelWeights.Int8, 0, first.Folder), (model.Weights, model.TokenForwardsPerSecond, model.Folder));
        Assert.Equal("int8", JsonNode.Parse(await DoneAsync("models", "list", "--json"))![0]!["weights"]!.GetValue<string>());
        await Catalog.SetRateAsync(model, 2_000, CancellationToken.None);
        await DoneAsync("models", "add", Folder.Path);
        Assert.Equal((ModelWeights.Int8, 2_000), ((await FindAsync()).Weights, (await FindAsync()).TokenForwardsPerSecond));
        await DoneAsync("models", "add", Folder.Path, "--weights", "auto");
        Assert.Equal((ModelWeights.Auto, 0), ((await FindAsync()).Weights, (await FindAsync()).TokenForwardsPerSecond));
    }

    [Fact]
    public async Task A_model_of_a_tenant_is_seen_by_that_one_alone()
    {
        await DoneAsync("models", "add", Folder.Path, "--tenant", "acme", "--name", "org/own");

        Assert.Equal("acme", (await Catalog.FindAsync("acme", "org/own", CancellationToken.None))!.Tenant);
        Assert.Null(await Catalog.FindAsync("others", "org/own", CancellationToken.None));
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
        string weights = Folder.File(ModelFolder.Weights);
        switch (fault)
        {
            case "cut":
                await File.WriteAllBytesAsync(weights, (await File.ReadAllBytesAsync(weights))[..^1]);
                break;
            case "tensor":
                Folder.Write(Folder.Config with { NumLayers = 2 });
                break;
            case "config":
                await File.WriteAllTextAsync(Folder.File("config.json"), "{");
                break;
            case "tokenizer":
                File.Delete(Folder.File("tokenizer.json"));
                break;
            case "mask":
                Folder.Write(Folder.Config with { MaskTokenId = 10 });
                break;
            case "causal":
                Folder.Write(Folder.Config with { IsCausal = true });
                break;
            case "adapter":
                await File.WriteAllTextAsync(Folder.File("adapter_config.json"), "{}");
                break;
            case "manifest":
                Manifest.Write(Folder.Path);
                Folder.WriteWeights(fill: 1);
                break;
        }

        string[] profile = fault == "profile" ? ["--profile", "h100"] : [];
        string refused = await Operator.RefusedAsync(Connection, ["models", "add", Folder.Path, .. profile]);

        Assert.Contains(reason, refused, StringComparison.Ordinal);
        Assert.Empty(await FoldersAsync());
        Assert.Null(await Catalog.FindAsync("anybody", "tiny", CancellationToken.None));
    }

    [Fact]
    public async Task A_changed_model_gets_a_folder_of_its_own_and_an_unchanged_one_is_not_uploaded_again()
    {
        await DoneAsync("models", "add", Folder.Path);
        var first = await FindAsync();
        await Catalog.SetRateAsync(first, 1000, CancellationToken.None);

        await DoneAsync("models", "add", Folder.Path);
        var again = await FindAsync();
        Assert.Equal((first.Folder, 1000, first.CreatedAt), (again.Folder, again.TokenForwardsPerSecond, again.CreatedAt));

        Folder.WriteWeights(fill: 1);
        await DoneAsync("models", "add", Folder.Path);
        var changed = await FindAsync();
        Assert.NotEqual(first.Folder, changed.Folder);
        Assert.Equal(0, changed.TokenForwardsPerSecond);
        Assert.Equal(new[] { first.Folder, changed.Folder }.Order(), await FoldersAsync());
    }

    [Fact]
    public async Task The_folder_of_a_replaced_model_and_a_half_uploaded_one_are_pruned_once_no_process_can_be_writing_them()
    {
        await DoneAsync("models", "add", Folder.Path);
        string replaced = (await FindAsync()).Folder;
        Folder.WriteWeights(fill: 1);
        await DoneAsync("models", "add", Folder.Path);
        string half = ModelFolders.NewFolder(ModelRecord.EveryTenant, TimeProvider.System);
        var models = Storage.Container(StorageNames.ModelsContainer);
        await models.GetBlobClient($"{half}/config.json").UploadAsync(BinaryData.FromString("{}"));
        string job = SortableKey.Create(TimeProvider.System);
        foreach (string file in new[] { "run", "1/2/model.safetensors" })
            await models.GetBlobClient($"acme/{job}/{file}").UploadAsync(BinaryData.FromString("a job's"));

        Assert.DoesNotContain(replaced, await DoneAsync("models", "prune", "--delete"), StringComparison.Ordinal);

        var unused = await new UnusedFolders(Storage, new Later(TimeSpan.FromDays(2))).ListAsync(CancellationToken.None);
        Assert.Contains((replaced, true), unused.Select(folder => (folder.Folder, folder.IsWhole)));
        Assert.Contains((half, false), unused.Select(folder => (folder.Folder, folder.IsWhole)));
        Assert.DoesNotContain(unused, folder => folder.Folder == $"acme/{job}");
        Assert.DoesNotContain((await FindAsync()).Folder, unused.Select(folder => folder.Folder));
    }

    [Fact]
    public async Task Weights_below_an_adapter_are_changed_by_force_alone()
    {
        await DoneAsync("models", "add", Folder.Path);
        var adapter = new ModelRecord { PartitionKey = "acme", Id = "ft:tiny::mine:1", Folder = "acme/x/1/1", BaseModel = "tiny" };
        await Catalog.RegisterAsync(adapter, CancellationToken.None);
        Folder.WriteWeights(fill: 1);

        string refused = await Operator.RefusedAsync(Connection, "models", "add", Folder.Path);
        Assert.Contains(adapter.Id, refused, StringComparison.Ordinal);
        await DoneAsync("models", "add", Folder.Path, "--force");
    }

    [Fact]
    public async Task A_name_that_workers_have_a_folder_for_is_not_taken()
    {
        await Catalog.RegisterAsync(new ModelRecord { PartitionKey = ModelRecord.EveryTenant, Id = "tiny" }, CancellationToken.None);

        string refused = await Operator.RefusedAsync(Connection, "models", "add", Folder.Path);
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
        var storage = faults.Account(Connection);
        using var input = ModelInput.Local(Folder.Path);

        await Assert.ThrowsAsync<RequestFailedException>(() => AddAsync(storage, input));

        var known = await Catalog.FindAsync("anybody", "tiny", CancellationToken.None);
        Assert.Equal(isWritten, known is not null);
        Assert.Equal(known is null ? [] : [known.Folder], await FoldersAsync());
    }

    [Fact]
    public async Task Two_that_add_the_same_name_at_once_leave_one_whole_model()
    {
        using var other = new ModelFolder();
        other.WriteWeights(fill: 1);

        await Task.WhenAll(DoneAsync("models", "add", Folder.Path), DoneAsync("models", "add", other.Path));

        Assert.Equal(4, (await ManifestAsync((await FindAsync()).Folder)).Files.Count);
    }

    private sealed class Later(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
