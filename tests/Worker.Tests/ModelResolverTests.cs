using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Sampling;
using TorchSharp;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>Models that a worker has in no folder of its own.</summary>
public sealed class ModelResolverTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private const string Tenant = "tenant";

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-loading-").FullName;
    private readonly TensorThread _tensors = new();
    private readonly List<ModelHost> _hosts = [];
    private StorageAccount _storage = null!;

    [Fact]
    public async Task A_model_from_storage_predicts_as_the_same_one_from_a_folder_and_is_measured_once()
    {
        var (loading, catalog) = await NewAsync();
        await AddAsync(catalog, "stored", Path.Combine(model.Folder, TinyModel.Id));

        int[] expected = await PredictAsync(loading, TinyModel.Id);
        Assert.Equal(expected, await PredictAsync(loading, "stored"));

        double rate = (await FindAsync(catalog, "stored")).TokenForwardsPerSecond;
        Assert.True(rate > 0);
        Assert.Equal(expected, await PredictAsync(loading, TinyModel.Id));
        Assert.Equal(expected, await PredictAsync(loading, "stored"));
        Assert.Equal(rate, (await FindAsync(catalog, "stored")).TokenForwardsPerSecond);
    }

    [Theory]
    [InlineData(TinyModel.Id)]
    [InlineData("stored")]
    public async Task An_adapter_changes_the_model_that_it_names(string baseModel)
    {
        var (loading, catalog) = await NewAsync();
        await AddAsync(catalog, "stored", Path.Combine(model.Folder, TinyModel.Id));
        await AddAsync(catalog, "adapted", await AdapterAsync(), baseModel);

        int[] before = await PredictAsync(loading, baseModel), adapted = await PredictAsync(loading, "adapted");

        Assert.NotEqual(before, adapted);
        Assert.Equal(before, await PredictAsync(loading, baseModel));
    }

    [Fact]
    public async Task An_adapter_has_the_type_of_weights_of_the_model_that_it_changes()
    {
        var (loading, catalog) = await NewAsync();
        await catalog.RegisterAsync(
            new ModelRecord { PartitionKey = Tenant, Id = "small", Folder = "t/1", Weights = ModelWeights.Int8 }, CancellationToken.None);
        await catalog.RegisterAsync(
            new ModelRecord { PartitionKey = Tenant, Id = "adapted", Folder = "t/2", BaseModel = "small" }, CancellationToken.None);
        async Task<ModelWeights> WeightsAsync(string id) =>
            (await loading.SourceAsync(Tenant, id, await FindAsync(catalog, id), CancellationToken.None)).Weights;

        Assert.Equal(ModelWeights.Int8, await WeightsAsync("small"));
        Assert.Equal(ModelWeights.Int8, await WeightsAsync("adapted"));
    }

    [Fact]
    public async Task A_tenant_gets_its_own_model_and_nobody_elses()
    {
        var (loading, catalog) = await NewAsync();
        await AddAsync(catalog, "mine", Path.Combine(model.Folder, TinyModel.Id));

        await Assert.ThrowsAsync<CheckpointException>(
            () => loading.AcquireAsync("another", "mine", isExclusive: false, CancellationToken.None));
    }

    [Fact]
    public async Task An_adapter_of_an_adapter_and_one_without_its_model_are_refused()
    {
        var (loading, catalog) = await NewAsync();
        string adapter = await AdapterAsync();
        await AddAsync(catalog, "adapted", adapter, TinyModel.Id);
        await AddAsync(catalog, "twice", adapter, "adapted");
        await AddAsync(catalog, "alone", adapter, "unknown");

        await Assert.ThrowsAsync<CheckpointException>(
            () => loading.AcquireAsync(Tenant, "twice", isExclusive: false, CancellationToken.None));
        await Assert.ThrowsAsync<CheckpointException>(
            () => loading.AcquireAsync(Tenant, "alone", isExclusive: false, CancellationToken.None));
    }

    public void Dispose()
    {
        _hosts.ForEach(host => host.Dispose());
        _tensors.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<(ModelResolver Loading, ModelCatalog Catalog)> NewAsync()
    {
        _storage = await fixture.NewAccountAsync();
        var catalog = new ModelCatalog(_storage);
        _hosts.Add(TinyModel.NewHost(model.Folder, _tensors, _storage, Path.Combine(_folder, "cache")));
        return (new ModelResolver(catalog, _hosts[^1]), catalog);
    }

    private async Task AddAsync(ModelCatalog catalog, string id, string path, string baseModel = "")
    {
        string folder = ModelFolders.NewFolder(Tenant, TimeProvider.System);
        await new ModelFolders(_storage).UploadAsync(folder, ModelFolders.FilesOf(path), progress: null, CancellationToken.None);
        await catalog.RegisterAsync(
            new ModelRecord
            { PartitionKey = Tenant, Id = id, Folder = folder, BaseModel = baseModel, ContextLength = TinyModel.ContextLength },
            CancellationToken.None);
    }

    private static async Task<ModelRecord> FindAsync(ModelCatalog catalog, string id) =>
        (await catalog.FindAsync(Tenant, id, CancellationToken.None))!;

    private Task<string> AdapterAsync() => _tensors.RunAsync(() =>
    {
        using var predictor = Checkpoint.Load(Path.Combine(model.Folder, TinyModel.Id));
        using var lora = new LoraWeights(predictor, new LoraOptions { Rank = 2 });
        using (torch.no_grad())
        {
            foreach (var (_, parameter) in lora.Parameters)
                torch.nn.init.normal_(parameter);
        }
        string path = Path.Combine(_folder, "adapter");
        lora.Save(path);
        return path;
    }, CancellationToken.None);

    private static async Task<int[]> PredictAsync(ModelResolver loading, string id)
    {
        using var lease = await loading.AcquireAsync(Tenant, id, isExclusive: false, CancellationToken.None);
        int[] canvas = [1, 2, 3, .. Enumerable.Repeat(lease.Model.MaskTokenId, 20)];
        using var operations = lease.Model.Operations("tenant", CancellationToken.None);
        var row = await operations.SampleAsync(new SamplingRow(canvas, new SamplingOptions()));
        return [.. row.Tokens];
    }
}
