using System.Diagnostics;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Worker.Tests.Faults;

/// <summary>A worker's process whose disk has 64 KB: room for neither a model nor a checkpoint.</summary>
public sealed class FullDiskTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-disk-").FullName;
    private readonly TensorThread _tensors = new();

    [Fact]
    public async Task A_training_goes_on_with_a_worker_that_has_room_and_the_attempt_counts()
    {
        string connection = fixture.NewConnectionString();
        await using var trial = new TrainingTrial(connection, model.Folder, TinyModel.Id, _tensors);
        var job = await trial.CreateAsync(
            new FineTuningJobRecord
                { Method = FineTuningMethod.Supervised, Seed = 7, Epochs = 2, BatchSize = 1, LearningRateMultiplier = 1 },
                """{"prompt":"the quick","completion":" brown fox"}""" + "\n");
        await trial.PlanAsync(job);

        string said = await RunWorkerAsync(connection, ("TrainingPath", _folder), ("ModelsPath", model.Folder), ("Generates", "false"));

        Assert.Contains("No space left on device", said, StringComparison.Ordinal);
        var left = await trial.FindAsync(job);
        Assert.Equal((FineTuningStatus.Running, 1, 0), (left.Status, left.FailedRuns, left.CheckpointStep));
        await trial.RunAsync(job);
        Assert.Equal(2, (await trial.ResultAsync(job)).Job.CheckpointStep);
    }

    [Fact]
    public async Task A_shard_waits_for_a_worker_that_has_room_and_no_line_is_given_up()
    {
        string connection = fixture.NewConnectionString();
        var storage = new StorageAccount(new StorageOptions { ConnectionString = connection });
        using var models = TinyModel.NewHost(modelsPath: "", _tensors, storage, Path.Combine(_folder, "models"));
        await using var trial = new BatchTrial(connection, models, TinyModel.Id, new TrialOptions(Fault.None, 0));
        await trial.RunAsync(async batch =>
        {
            string folder = ModelFolders.NewFolder(batch.Tenant, TimeProvider.System);
            await new ModelFolders(storage)
                .UploadAsync(
                    folder, ModelFolders.FilesOf(Path.Combine(model.Folder, TinyModel.Id)), progress: null, CancellationToken.None);
            await new ModelCatalog(storage).RegisterAsync(
                new ModelRecord
                    { PartitionKey = ModelRecord.EveryTenant, Id = TinyModel.Id,
                    Folder = folder, ContextLength = TinyModel.ContextLength, TokenForwardsPerSecond = 1 }, CancellationToken.None);

            string said = await RunWorkerAsync(connection, ("CachePath", _folder), ("Trains", "false"));

            Assert.Contains("No space left on device", said, StringComparison.Ordinal);
            var attempts = await new BatchBlobs(storage, batch).Shards.FindAttemptsAsync(0, CancellationToken.None);
            Assert.Equal(0, attempts?.Current?.Failures);
        });
    }

    public void Dispose()
    {
        _tensors.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Runs a worker until it finds no message any more.</summary>
    /// <returns>What it wrote.</returns>
    private async Task<string> RunWorkerAsync(string connection, params (string Key, string Value)[] settings)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("Only Linux has namespaces, in which a process can have a small disk of its own");
        string worker = Path.Combine(AppContext.BaseDirectory, "LLaDA.Batch.Worker");
        var start = new ProcessStartInfo(
            "unshare", ["-rm", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs \"$1\" && exec \"$2\"", "sh", _folder, worker])
            { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["Storage__ConnectionString"] = connection;
        start.Environment["Worker__IdleLimit"] = "00:00:02";
        foreach (var (key, value) in settings)
            start.Environment[$"Worker__{key}"] = value;
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(s_limit);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
        await process.WaitForExitAsync(limit.Token);
        string said = await output + await errors;
        if (said.Contains("unshare failed", StringComparison.Ordinal) || said.Contains("mount:", StringComparison.Ordinal))
            Assert.Skip($"This machine gives a process no disk of its own: {said.Trim()}");
        Assert.Equal(0, process.ExitCode);
        return said;
    }
}
