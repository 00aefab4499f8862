using LLaDA.Batch.Cli.Models;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Infra.Tests.Cli.Models;

/// <summary>A storage account without a model, and a folder that holds one.</summary>
public abstract class ModelCommandTests : IAsyncLifetime
{
    private protected ModelCommandTests(StorageFixture fixture)
    {
        Connection = fixture.NewConnectionString();
        Storage = new StorageAccount(new StorageOptions { ConnectionString = Connection });
        Catalog = new ModelCatalog(Storage);
    }

    private protected string Connection { get; }

    private protected StorageAccount Storage { get; }

    private protected ModelCatalog Catalog { get; }

    private protected ModelFolder Folder { get; } = new();

    public async ValueTask InitializeAsync() =>
        await Storage.EnsureCreatedAsync([StorageNames.DefaultProfile, "a100"], CancellationToken.None);

    public ValueTask DisposeAsync()
    {
        Folder.Dispose();
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private protected Task<string> DoneAsync(params string[] args) => Operator.DoneAsync(Connection, args);

    private protected static Task<ModelRecord> AddAsync(StorageAccount storage, ModelInput input)
    {
        var asked = new NewModel("tiny", ModelRecord.EveryTenant, StorageNames.DefaultProfile);
        return new ModelAddition(storage, TimeProvider.System).RunAsync(asked, input, onUploaded: null, CancellationToken.None);
    }

    private protected async Task<ModelRecord> FindAsync() => (await Catalog.FindAsync("anybody", "tiny", CancellationToken.None))!;

    private protected async Task<ModelManifest> ManifestAsync(string folder)
    {
        var json = await new ModelFolders(Storage).FindManifestAsync(folder, CancellationToken.None);
        return ModelManifest.Parse(json!, folder);
    }

    private protected async Task<string[]> FoldersAsync()
    {
        var blobs = await Storage.Container(StorageNames.ModelsContainer).GetBlobsAsync().ToListAsync();
        return [.. blobs.Select(blob => blob.Name[..blob.Name.LastIndexOf('/')]).Distinct().Order()];
    }
}
