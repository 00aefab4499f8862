using Azure.Core;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.FineTuning.Trainings;

namespace LLaDA.Batch.Functions.Tests.FineTuning;

public sealed class FinishFineTuningHandlerTests(StorageFixture fixture)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_job_that_is_cancelled_while_it_is_finished_leaves_its_checkpoints_and_no_result(bool isKilled)
    {
        Func<Task>? between = null;
        bool IsRegistered(string call) => between is not null && !call.StartsWith("GET", StringComparison.Ordinal)
            && call.Contains($"/{StorageNames.ModelsTable}(", StringComparison.Ordinal);
        await using var plane = await ControlPlane.StartAsync(
            fixture, new StorageFaults { After = call => IsRegistered(call) ? between!() : Task.CompletedTask });
        var job = await TrainAsync(plane, await PlannedAsync(plane));
        between = async () =>
        {
            between = null;
            (await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{job.Id}/cancel", null)).EnsureSuccessStatusCode();
            if (isKilled)
                throw new OperationCanceledException();
        };

        await IgnoringEndAsync(FinishAsync(plane, job));
        if (isKilled)
            await FinishAsync(plane, job);

        var ended = await FindAsync(plane, job.Id);
        var catalog = plane.Get<ModelCatalog>();
        Assert.Equal(FineTuningStatus.Cancelled, ended.Status);
        Assert.Null(await catalog.FindAsync(Tenant, FineTunedModels.NameOf(ended), CancellationToken.None));
        Assert.NotNull(await catalog.FindAsync(Tenant, FineTunedModels.NameOf(ended, NumSteps), CancellationToken.None));
        Assert.DoesNotContain(
            await plane.Files.Records.ListAsync(Tenant, after: null, CancellationToken.None).ToListAsync(), file =>
                file.Purpose == FilePurpose.FineTuneResults);
    }

    [Fact]
    public async Task A_job_whose_metrics_are_lost_still_ends_with_its_model()
    {
        await using var plane = await ControlPlane.StartAsync(fixture);
        var job = await TrainAsync(plane, await PlannedAsync(plane));
        await plane.Files.BlobOf(Tenant, job.ResultFileKey!).DeleteAsync();

        await FinishAsync(plane, job);

        var ended = await FindAsync(plane, job.Id);
        Assert.Equal((FineTuningStatus.Succeeded, null), (ended.Status, ended.ResultFileId));
        Assert.NotNull(await plane.Get<ModelCatalog>().FindAsync(Tenant, FineTunedModels.NameOf(ended), CancellationToken.None));
    }

    private static async Task IgnoringEndAsync(Task finish)
    {
        try
        {
            await finish;
        }
        catch (OperationCanceledException)
        {
        }
    }
}
