using System.Text;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Monitoring;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Functions.Tests.FineTuning;
using LLaDA.Batch.Functions.Tests.Schedules;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Timers;

/// <summary>Each timer passes over a row that fails: it is logged and counted, and the rows behind it are worked on.</summary>
[Collection("Spans")]     // a listener hears all requests of the process
public sealed class RowByRowTests(StorageFixture fixture) : IDisposable
{
    private readonly StorageFaults _faults = new();
    private readonly RecordingLog _log = new();
    private readonly RecordedTelemetry _telemetry = new();

    [Fact]
    public async Task A_sweep_passes_over_a_batch_whose_record_cannot_be_read()
    {
        await using var plane = await StartAsync();
        var (first, second) = (await CreatedAsync(plane), await CreatedAsync(plane));
        await plane.Storage.Queue(StorageNames.PlanQueue).ClearMessagesAsync();
        plane.Time.Advance(TimeSpan.FromMinutes(5));

        foreach (var (bad, good) in new[] { (first, second), (second, first) })
        {
            _faults.Refuses = Names(bad.RowKey);
            await plane.Get<BatchSweep>().RunAsync(CancellationToken.None);

            Assert.Contains(good.RowKey, await NextPlanAsync(plane), StringComparison.Ordinal);
            AssertNamed("sweep", bad.Id);
        }
    }

    [Fact]
    public async Task A_sweep_passes_over_a_batch_whose_parts_cannot_be_listed()
    {
        await using var plane = await StartAsync();
        var first = await plane.PlannedAsync(Lines(1));
        plane.Time.Advance(TimeSpan.FromSeconds(1));
        var second = await plane.PlannedAsync(Lines(1));    // newest first
        var queue = plane.Storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile));
        await queue.ClearMessagesAsync();
        plane.Time.Advance(TimeSpan.FromMinutes(5));
        int lists = 0;
        _faults.Refuses = call =>
            call.StartsWith("GET", StringComparison.Ordinal) && call.EndsWith("/batches", StringComparison.Ordinal) && ++lists == 1;

        await plane.Get<BatchSweep>().RunAsync(CancellationToken.None);

        Assert.Contains(first.RowKey, (await queue.ReceiveMessageAsync()).Value.Body.ToString(), StringComparison.Ordinal);
        AssertNamed("sweep", second.Id);
    }

    [Fact]
    public async Task A_sweep_passes_over_a_training_that_fails()
    {
        await using var plane = await StartAsync();
        var (first, second) = (await Trainings.CreatedAsync(plane), await Trainings.CreatedAsync(plane));
        await plane.Storage.Queue(StorageNames.PlanTrainingQueue).ClearMessagesAsync();
        plane.Time.Advance(TimeSpan.FromMinutes(5));

        _faults.Refuses = Names(second.RowKey);
        await plane.Get<FineTuningSweep>().RunAsync(CancellationToken.None);

        var message = (await plane.Storage.Queue(StorageNames.PlanTrainingQueue).ReceiveMessageAsync()).Value;
        Assert.Contains(first.RowKey, message.Body.ToString(), StringComparison.Ordinal);
        AssertNamed("sweep-training", second.Id);
    }

    [Fact]
    public async Task Retention_passes_over_a_file_and_a_batch_that_cannot_be_deleted()
    {
        await using var plane = await StartAsync();
        string[] files = [await UploadAsync(plane), await UploadAsync(plane), await UploadAsync(plane)];
        plane.Time.Advance(TimeSpan.FromDays(31));
        string bad = files[1]["file-".Length..];
        _faults.Refuses = call => call.StartsWith("DELETE", StringComparison.Ordinal) && call.Contains(bad, StringComparison.Ordinal);

        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);

        var left = Assert.Single(await plane.Files.Records.ListAsync(Tenant, after: null, CancellationToken.None).ToListAsync());
        Assert.Equal(files[1], left.Id);
        AssertNamed("delete-expired", left.Id);
        _faults.Refuses = _ => false;
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);
        Assert.Empty(await plane.Files.Records.ListAsync(Tenant, after: null, CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task Retention_passes_over_a_table_that_cannot_be_read()
    {
        await using var plane = await StartAsync();
        var batch = await plane.PlannedAsync("nonsense");
        plane.Time.Advance(TimeSpan.FromDays(2));
        _faults.Refuses = call => call.StartsWith("GET", StringComparison.Ordinal) && call.EndsWith("/files()", StringComparison.Ordinal);

        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);

        Assert.NotNull((await plane.ReloadAsync(batch)).WorkDeletedAt);
        AssertNamed("delete-expired", nameof(ExpiredFiles));
    }

    [Fact]
    public async Task Schedules_behind_one_that_fails_are_fired()
    {
        await using var plane = await StartAsync();
        await Scheduling.BindAsync(plane);
        await Scheduling.UploadAsync(plane, "in/a.jsonl");
        string bad = await Scheduling.CreatedAsync(plane);
        await Scheduling.CreatedAsync(plane);
        _faults.Refuses = Names(bad["sched_".Length..]);

        await Scheduling.FireAsync(plane);

        Assert.Single(await Scheduling.JobsAsync(plane));
        AssertNamed("fire-schedules", bad);
    }

    [Fact]
    public async Task Queues_behind_one_that_cannot_be_read_are_measured()
    {
        await using var plane = await StartAsync();
        _faults.Refuses = call => call.EndsWith($"/{StorageNames.FinishQueue}/messages", StringComparison.Ordinal);

        await plane.Get<QueueMetrics>().RunAsync(CancellationToken.None);

        Assert.Contains($"{Telemetry.Queue}={StorageNames.WebhookQueue}", _telemetry.Attributes);
        AssertNamed("measure-queues", StorageNames.FinishQueue);
    }

    [Fact]
    public async Task A_stop_of_the_host_ends_the_turn()
    {
        using var stop = new CancellationTokenSource();
        await using var plane = await StartAsync();
        await CreatedAsync(plane);
        await CreatedAsync(plane);
        int reads = 0;
        _faults.Before = async call =>
        {
            if (!call.Contains("/batches(", StringComparison.Ordinal))
                return;
            reads++;
            await stop.CancelAsync();
            stop.Token.ThrowIfCancellationRequested();
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => plane.Get<BatchSweep>().RunAsync(stop.Token));

        Assert.Equal(1, reads);
    }

    public void Dispose()
    {
        _telemetry.Dispose();
        _log.Dispose();
    }

    private Task<ControlPlane> StartAsync() => ControlPlane.StartAsync(fixture, services =>
    {
        services.AddSingleton(provider =>
            _faults.Account(provider.GetRequiredService<Microsoft.Extensions.Configuration.IConfiguration>()["Storage:ConnectionString"]!));
        services.AddLogging(logging => logging.ClearProviders().AddProvider(_log).AddFilter(null, LogLevel.Warning));
    });

    private static Task<BatchRecord> CreatedAsync(ControlPlane plane) => plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));

    private static async Task<string> UploadAsync(ControlPlane plane) => (await plane.UploadAsync("{}"))["id"]!.GetValue<string>();

    private static async Task<string> NextPlanAsync(ControlPlane plane)
    {
        var queue = plane.Storage.Queue(StorageNames.PlanQueue);
        string text = (await queue.ReceiveMessageAsync()).Value.Body.ToString();
        await queue.ClearMessagesAsync();
        return text;
    }

    private static Func<string, bool> Names(string key) => call => call.Contains($"RowKey='{key}'", StringComparison.Ordinal);

    private void AssertNamed(string timer, string row)
    {
        Assert.Contains(_log.Entries, entry => entry.Contains($"Timer {timer} failed at {row};", StringComparison.Ordinal));
        Assert.True(_telemetry.Sum(Telemetry.FailedRows, timer) > 0);
    }
}
