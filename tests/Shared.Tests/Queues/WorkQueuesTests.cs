using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Tests.Queues;

public sealed class WorkQueuesTests(StorageFixture fixture)
{
    private readonly StorageAccount _storage = new(new StorageOptions { ConnectionString = fixture.NewConnectionString() });

    [Fact]
    public async Task A_message_never_expires()
    {
        await new WorkQueues(_storage).SendPlanAsync(new JobKey("t", "b"), CancellationToken.None);

        var message = (await _storage.Queue(StorageNames.PlanQueue).ReceiveMessageAsync()).Value;

        Assert.Equal(9999, message.ExpiresOn!.Value.Year);
    }

    [Fact]
    public async Task An_empty_queue_has_drained()
    {
        await _storage.Queue(StorageNames.PlanQueue).CreateAsync();

        Assert.True(await HasDrainedAsync(TimeProvider.System.GetUtcNow()));
    }

    [Theory]
    [InlineData(-60, true)]     // the waiting message is younger: what was sent before it has been received
    [InlineData(-5, false)]     // younger by less than the clocks may differ
    [InlineData(5, false)]
    public async Task A_queue_has_drained_when_its_first_message_is_younger_by_more_than_clocks_differ(int seconds, bool drained)
    {
        await new WorkQueues(_storage).SendPlanAsync(new JobKey("t", "b"), CancellationToken.None);
        var inserted = (await _storage.Queue(StorageNames.PlanQueue).PeekMessageAsync()).Value.InsertedOn!.Value;

        Assert.Equal(drained, await HasDrainedAsync(inserted + TimeSpan.FromSeconds(seconds)));
    }

    private Task<bool> HasDrainedAsync(DateTimeOffset sent) =>
        new WorkQueues(_storage).HasDrainedAsync(StorageNames.PlanQueue, sent, CancellationToken.None);
}
