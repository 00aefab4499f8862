using Azure.Core;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Removal;
using LLaDA.Batch.Shared.Schedules;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Infra.Tests.Cli.Models;

/// <summary><c>models remove</c>.</summary>
public sealed class ModelRemovalTests : IAsyncLifetime
{
    private const string Id = "tiny", Tenant = "acme";

    private readonly string _connection;
    private readonly StorageAccount _storage;
    private readonly ModelCatalog _catalog;
    private ModelRecord _model = new();

    public ModelRemovalTests(StorageFixture fixture)
    {
        _connection = fixture.NewConnectionString();
        _storage = new StorageAccount(new StorageOptions { ConnectionString = _connection });
        _catalog = new ModelCatalog(_storage);
    }

    public async ValueTask InitializeAsync()
    {
        await _storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        _model = await AddAsync(ModelRecord.EveryTenant, Id);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_model_goes_with_its_files()
    {
        await DoneAsync("models", "remove", Id);

        Assert.Null(await _catalog.FindAsync(Tenant, Id, CancellationToken.None));
        Assert.False(await HasFilesAsync());
        Assert.Equal(3, (await Operator.RunAsync("models", "remove", Id, "--connection-string", _connection)).Code);
    }

    [Theory]
    [InlineData("planned batch")]
    [InlineData("batch whose file names it")]
    [InlineData("batch over documents")]
    [InlineData("training")]
    [InlineData("schedule")]
    [InlineData("last result of a schedule")]
    [InlineData("adapter")]
    public async Task A_model_that_is_needed_stays_unless_forced(string user)
    {
        string id = await UseAsync(user);

        Assert.Contains(id, await Operator.RefusedAsync(_connection, "models", "remove", Id), StringComparison.Ordinal);
        Assert.NotNull(await _catalog.FindAsync(Tenant, Id, CancellationToken.None));
        Assert.True(await HasFilesAsync());

        await DoneAsync("models", "remove", Id, "--force");
        Assert.False(await HasFilesAsync());
    }

    [Fact]
    public async Task Ended_jobs_and_those_that_mean_another_model_of_that_name_do_not_keep_it()
    {
        await AddBatchAsync(new BatchRecord { Model = Id, Status = BatchStatus.Completed });
        await AddBatchAsync(new BatchRecord { Model = "other" });
        await AddBatchAsync(new BatchRecord { DocumentBody = """{"model":"\ud800"}""" });
        await AddAsync("own", Id);
        await AddBatchAsync(new BatchRecord { PartitionKey = "own", Model = Id });

        await DoneAsync("models", "remove", Id);

        string refused = await Operator.RefusedAsync(_connection, "models", "remove", Id, "--tenant", "own");
        Assert.Contains("is needed by batch_", refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checkpoint_that_a_training_may_go_on_from_stays()
    {
        var job = await AddJobAsync("other", FineTuningStatus.Running);
        var checkpoint = new ModelRecord { PartitionKey = Tenant, Id = "ft:x:ckpt", Folder = FineTuningBlobs.Folder(job, 1, 1) };
        await _catalog.RegisterAsync(checkpoint, CancellationToken.None);

        string refused = await Operator.RefusedAsync(_connection, "models", "remove", "ft:x:ckpt", "--tenant", Tenant);
        Assert.Contains(job.Id, refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_that_another_model_has_as_well_stay()
    {
        var same = new ModelRecord { PartitionKey = Tenant, Id = "same-files", Folder = _model.Folder };
        await _catalog.RegisterAsync(same, CancellationToken.None);

        Assert.Contains("another model has them", await DoneAsync("models", "remove", Id), StringComparison.Ordinal);
        Assert.True(await HasFilesAsync());
    }

    [Fact]
    public async Task A_model_that_is_named_at_the_last_moment_is_put_back()
    {
        var storage = new StorageFaults
            { Before = call => IsRemoval(call) ? UseAsync("planned batch") : Task.CompletedTask }.Account(_connection);

        await Assert.ThrowsAsync<ModelNotRemovedException>(() => RemoveAsync(storage));

        Assert.Equal(_model.Folder, (await _catalog.FindAsync(Tenant, Id, CancellationToken.None))!.Folder);
        Assert.True(await HasFilesAsync());
    }

    [Fact]
    public async Task A_model_that_cannot_be_looked_after_again_is_put_back()
    {
        bool isRemoved = false;
        var faults = new StorageFaults
        {
            Before = call => isRemoved && call.EndsWith("/schedules()", StringComparison.Ordinal)
                ? throw new IOException("The cable is out")
                : Task.CompletedTask,
            After = call => Task.FromResult(isRemoved |= IsRemoval(call)),
        };
        var storage = faults.Account(_connection, HttpPipelinePosition.PerCall);

        await Assert.ThrowsAsync<IOException>(() => RemoveAsync(storage));

        Assert.NotNull(await _catalog.FindAsync(Tenant, Id, CancellationToken.None));
        Assert.True(await HasFilesAsync());
    }

    [Fact]
    public async Task A_model_that_is_added_again_at_the_same_moment_stays()
    {
        var storage = new StorageFaults
            { Before = call => IsRemoval(call) ? AddAsync(ModelRecord.EveryTenant, Id) : Task.CompletedTask }.Account(_connection);

        await Assert.ThrowsAsync<ModelNotRemovedException>(() => RemoveAsync(storage));

        var known = await _catalog.FindAsync(Tenant, Id, CancellationToken.None);
        Assert.NotEqual(_model.Folder, known!.Folder);
        Assert.NotNull(await new ModelFolders(_storage).FindManifestAsync(known.Folder, CancellationToken.None));
    }

    [Fact]
    public async Task Of_several_that_remove_it_at_once_one_does()
    {
        var results = await Task.WhenAll(
            Enumerable.Range(0, 3).Select(_ => Operator.RunAsync("models", "remove", Id, "--connection-string", _connection)));

        Assert.Single(results, result => result.Code == ExitCodes.Done);
        Assert.False(await HasFilesAsync());
    }

    private static bool IsRemoval(string call) =>
        call.StartsWith("PUT", StringComparison.Ordinal) && call.Contains("/models(", StringComparison.Ordinal);

    private static Task<RemovedModel?> RemoveAsync(StorageAccount storage) =>
        ModelRemoval.Create(storage, TimeProvider.System).RunAsync(ModelRecord.EveryTenant, Id, isForced: false, CancellationToken.None);

    private Task<string> DoneAsync(params string[] args) => Operator.DoneAsync(_connection, args);

    private async Task<bool> HasFilesAsync()
    {
        var models = _storage.Container(StorageNames.ModelsContainer);
        return await models.GetBlobsAsync(new() { Prefix = _model.Folder + "/" }, CancellationToken.None).AnyAsync();
    }

    private async Task<ModelRecord> AddAsync(string tenant, string id)
    {
        string folder = ModelFolders.NewFolder(tenant, TimeProvider.System);
        var file = new ModelUpload("config.json", _ => Task.FromResult<Stream>(new MemoryStream([1])));
        await new ModelFolders(_storage).UploadAsync(folder, [file], progress: null, CancellationToken.None);
        await _catalog.RegisterAsync(new ModelRecord { PartitionKey = tenant, Id = id, Folder = folder }, CancellationToken.None);
        return (await _catalog.FindAsync(tenant, id, CancellationToken.None))!;
    }

    /// <returns>The id of the job, schedule or adapter that needs the model now.</returns>
    private async Task<string> UseAsync(string user)
    {
        switch (user)
        {
            case "planned batch":
                return await AddBatchAsync(new BatchRecord { Model = Id, Status = BatchStatus.InProgress });
            case "batch whose file names it":
                string file = await AddFileAsync($"\n{{\"custom_id\":\"1\",\"body\":{{\"model\":\"{Id}\"}}}}\n");
                return await AddBatchAsync(new BatchRecord { InputFileId = file });
            case "batch over documents":
                return await AddBatchAsync(new BatchRecord { DocumentBody = $$$"""{"model":"{{{Id}}}"}""" });
            case "training":
                return (await AddJobAsync(Id, FineTuningStatus.Queued)).Id;
            case "adapter":
                var adapter = new ModelRecord { PartitionKey = Tenant, Id = "ft:tiny::x:1", Folder = "acme/1/1/1", BaseModel = Id };
                await _catalog.RegisterAsync(adapter, CancellationToken.None);
                return adapter.Id;
            default:
                bool isLast = user == "last result of a schedule";
                var schedule = new ScheduleRecord
                {
                    PartitionKey = Tenant,
                    RowKey = SortableKey.Create(TimeProvider.System),
                    Definition = $$$"""{"cron":"* * * * *","job":{"model":"{{{(isLast ? "other" : Id)}}}"}}""",
                    LastModel = isLast ? Id : null,
                    NextAt = TimeProvider.System.GetUtcNow(),
                };
                await new ScheduleStore(_storage).Records.AddAsync(schedule, CancellationToken.None);
                return schedule.Id;
        }
    }

    private async Task<FineTuningJobRecord> AddJobAsync(string model, FineTuningStatus status)
    {
        var job = new FineTuningJobRecord
        {
            PartitionKey = Tenant,
            RowKey = SortableKey.Create(TimeProvider.System),
            Model = model,
            Status = status,
        };
        await new FineTuningStore(_storage, TimeProvider.System).AddAsync(job, CancellationToken.None);
        return job;
    }

    private async Task<string> AddBatchAsync(BatchRecord batch)
    {
        batch.PartitionKey = batch.PartitionKey.Length > 0 ? batch.PartitionKey : Tenant;
        batch.ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1);
        await new BatchStore(_storage, TimeProvider.System).AddAsync(batch, inputBytes: 0, CancellationToken.None);
        return batch.Id;
    }

    private async Task<string> AddFileAsync(string content)
    {
        var files = new FileStore(_storage, TimeProvider.System);
        string key = files.NewKey();
        await _storage.Container(StorageNames.FilesContainer).GetBlobClient($"{Tenant}/{key}").UploadAsync(BinaryData.FromString(content));
        return (await files.AddAsync(Tenant, key, "input.jsonl", FilePurpose.Batch, expiresAt: null, CancellationToken.None)).Id;
    }
}
