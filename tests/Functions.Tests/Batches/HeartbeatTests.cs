using System.Text;
using Azure.Core;
using LLaDA.Batch.Functions.Tests.FineTuning;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches;

/// <summary>Work that takes long keeps its row young, so that a sweep leaves it alone.</summary>
public sealed class HeartbeatTests(StorageFixture fixture)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously), _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string _stopsAt = "nowhere";

    [Fact]
    public async Task Planning_a_batch_keeps_its_row_young()
    {
        await using var plane = await StartAsync();
        var batch = await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));
        _stopsAt = $"/{StorageNames.BatchesContainer}/{batch.Tenant}/{batch.RowKey}/shards/";

        await AssertStaysYoungAsync(plane, plane.PlanAsync(batch), async () => (await plane.ReloadAsync(batch)).Timestamp);
        Assert.Equal(BatchStatus.InProgress, (await plane.ReloadAsync(batch)).Status);
    }

    [Fact]
    public async Task Finishing_a_batch_keeps_its_row_young()
    {
        await using var plane = await StartAsync();
        var batch = await plane.PlannedAsync(Lines(1));
        await plane.AnswerAsync(batch, 0);
        _stopsAt = $"/{StorageNames.FilesContainer}/{batch.Tenant}/";

        await AssertStaysYoungAsync(plane, plane.FinishAsync(batch), async () => (await plane.ReloadAsync(batch)).Timestamp);
        Assert.Equal(BatchStatus.Completed, (await plane.ReloadAsync(batch)).Status);
    }

    [Fact]
    public async Task Planning_a_training_keeps_its_row_young()
    {
        await using var plane = await StartAsync();
        var job = await Trainings.CreatedAsync(plane);
        _stopsAt = $"/{StorageNames.FilesContainer}/{job.Tenant}/";

        await AssertStaysYoungAsync(plane, Trainings.PlanAsync(plane, job), async () => (await Trainings.FindAsync(plane, job.Id)).Timestamp);
        Assert.Equal(FineTuningStatus.Queued, (await Trainings.FindAsync(plane, job.Id)).Status);
    }

    private Task<ControlPlane> StartAsync() => ControlPlane.StartAsync(fixture, new StorageFaults { Before = StopAsync });

    private Task StopAsync(string call)
    {
        if (!call.Contains(_stopsAt, StringComparison.Ordinal))
            return Task.CompletedTask;
        _begun.TrySetResult();
        return _goOn.Task;
    }

    /// <summary>Twice, while the work stands still.</summary>
    private async Task AssertStaysYoungAsync(ControlPlane plane, Task working, Func<Task<DateTimeOffset?>> timestampAsync)
    {
        try
        {
            await _begun.Task.WaitAsync(s_limit);
            for (int sign = 0; sign < 2; sign++)
            {
                var before = await timestampAsync();
                plane.Time.Advance(Heartbeat.Interval);
                using var limit = new CancellationTokenSource(s_limit);
                while (await timestampAsync() == before)
                    await Task.Delay(20, limit.Token);
            }
        }
        finally
        {
            _goOn.SetResult();
        }
        await working;
    }
}
