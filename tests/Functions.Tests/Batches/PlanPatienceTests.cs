using System.Text;
using Azure;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Tests.FineTuning;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches;

/// <summary>Planning that fails is repeated for an hour while storage is to blame, and else five times.</summary>
public sealed class PlanPatienceTests(StorageFixture fixture)
{
    private readonly StorageFaults _faults = new();

    [Fact]
    public async Task A_batch_is_planned_for_an_hour_while_storage_fails()
    {
        await using var plane = await StartAsync(fixture, _faults);
        var batch = await CreatedAsync(plane);
        _faults.Refuses = IsOfShards;

        for (int minutes = 0; minutes < 60; minutes += 20)
        {
            await TryFiveTimesAsync(() => plane.PlanAsync(batch));
            await GiveUpAsync(plane, batch);
            Assert.Equal(BatchStatus.Validating, (await plane.ReloadAsync(batch)).Status);
            plane.Time.Advance(TimeSpan.FromMinutes(20));
        }
        await GiveUpAsync(plane, batch);

        Assert.Contains("planning_failed", (await plane.ReloadAsync(batch)).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_batch_is_planned_once_storage_answers()
    {
        await using var plane = await StartAsync(fixture, _faults);
        var batch = await CreatedAsync(plane);
        _faults.Refuses = call => !call.Contains("/active", StringComparison.Ordinal);      // also the batch's own record
        await TryFiveTimesAsync(() => plane.PlanAsync(batch));
        _faults.Refuses = _ => false;
        await GiveUpAsync(plane, batch);
        await plane.Storage.Queue(StorageNames.PlanQueue).ClearMessagesAsync();
        plane.Time.Advance(TimeSpan.FromMinutes(1));

        await plane.Get<BatchSweep>().RunAsync(CancellationToken.None);
        Assert.Equal(1, await plane.CountAsync(StorageNames.PlanQueue));
        await plane.PlanAsync(batch);

        Assert.Equal(BatchStatus.InProgress, (await plane.ReloadAsync(batch)).Status);
    }

    [Fact]
    public async Task Five_failures_that_are_not_storages_end_a_batch_with_a_reason()
    {
        await using var plane = await StartAsync(fixture, _faults);
        var batch = await CreatedAsync(plane);
        _faults.Before = call => IsOfShards(call) ? throw new InvalidOperationException("Injected") : Task.CompletedTask;

        await TryFiveTimesAsync(() => plane.PlanAsync(batch));
        await GiveUpAsync(plane, batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal(BatchStatus.Failed, batch.Status);
        Assert.Contains("planning_failed", batch.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_training_is_planned_for_an_hour_while_storage_fails()
    {
        await using var plane = await StartAsync(fixture, _faults);
        var job = await Trainings.CreatedAsync(plane);
        _faults.Refuses = call => call.Contains("/files/", StringComparison.Ordinal);
        var message = new TrainingMessage(job.Tenant, job.RowKey);

        await TryFiveTimesAsync(() => Trainings.PlanAsync(plane, job));
        await plane.Get<PlanFineTuningHandler>().GiveUpAsync(message, CancellationToken.None);
        Assert.Equal(FineTuningStatus.ValidatingFiles, (await Trainings.FindAsync(plane, job.Id)).Status);
        plane.Time.Advance(TimeSpan.FromHours(1));
        await plane.Get<PlanFineTuningHandler>().GiveUpAsync(message, CancellationToken.None);

        Assert.Equal("planning_failed", (await Trainings.FindAsync(plane, job.Id)).ErrorCode);
    }

    [Fact]
    public async Task Five_failures_that_are_not_storages_end_a_training_with_a_reason()
    {
        await using var plane = await StartAsync(fixture, _faults);
        var job = await Trainings.CreatedAsync(plane);
        _faults.Before = call =>
            call.Contains("/files/", StringComparison.Ordinal) ? throw new InvalidOperationException("Injected") : Task.CompletedTask;

        await TryFiveTimesAsync(() => Trainings.PlanAsync(plane, job));
        await plane.Get<PlanFineTuningHandler>().GiveUpAsync(new TrainingMessage(job.Tenant, job.RowKey), CancellationToken.None);

        Assert.Equal("planning_failed", (await Trainings.FindAsync(plane, job.Id)).ErrorCode);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(408, true)]
    [InlineData(429, true)]
    [InlineData(500, true)]
    [InlineData(503, true)]
    [InlineData(400, false)]
    [InlineData(403, false)]
    [InlineData(404, false)]
    [InlineData(412, false)]
    public void An_answer_is_storages_fault_or_not(int status, bool isStorages)
    {
        var failure = new RequestFailedException(status, "Injected");

        Assert.Equal(isStorages, StorageFault.Is(failure));
        Assert.Equal(isStorages, StorageFault.Is(new AggregateException(failure, new TaskCanceledException())));
    }

    private static Task<BatchRecord> CreatedAsync(ControlPlane plane) => plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));

    private static bool IsOfShards(string call) => call.Contains("/shards/", StringComparison.Ordinal);

    private static Task GiveUpAsync(ControlPlane plane, BatchRecord batch) =>
        plane.Get<PlanBatchHandler>().GiveUpAsync(new PlanMessage(batch.Tenant, batch.RowKey), CancellationToken.None);

    private static async Task TryFiveTimesAsync(Func<Task> plan)
    {
        for (int attempt = 0; attempt < 5; attempt++)
            await Assert.ThrowsAnyAsync<Exception>(plan);
    }
}
