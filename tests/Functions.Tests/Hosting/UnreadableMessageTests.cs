using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Hosting;

/// <summary>A text in a queue that is no message: attempts do not change it, so the handler ends and an operator finds the text.</summary>
public sealed class UnreadableMessageTests(StorageFixture fixture)
{
    [Theory]
    [InlineData("not json")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"tenant":"tenant"}""")]
    [InlineData("""{"tenant":null,"batch":"b"}""")]
    public async Task It_moves_to_the_poison_queue_once_and_stays_in_that_of_the_poison_queue(string text)
    {
        var log = new RecordingLog();
        await using var plane = await StartAsync(fixture, services => services.AddLogging(logging => logging.AddProvider(log)), ("Logging:LogLevel:Default", "Error"));
        string poison = StorageNames.PoisonQueue(StorageNames.PlanQueue), kept = StorageNames.PoisonQueue(poison);

        await Of("plan").HandleAsync(plane.Get<IServiceProvider>(), text, CancellationToken.None);
        Assert.Equal(text, (await plane.Storage.Queue(poison).PeekMessageAsync()).Value.Body.ToString());
        await Of("plan-poison").HandleAsync(plane.Get<IServiceProvider>(), text, CancellationToken.None);

        Assert.Equal(text, (await plane.Storage.Queue(kept).PeekMessageAsync()).Value.Body.ToString());
        Assert.Equal(StorageNames.PlanQueue, StorageNames.QueueOfPoison(kept));
        Assert.DoesNotContain(Triggers.Queues, trigger => trigger.Queue == kept);
        Assert.Contains(log.Entries, entry => entry.Contains(text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_message_is_handled_and_stays_out_of_the_poison_queue()
    {
        await using var plane = await StartAsync(fixture);

        await Of("plan").HandleAsync(plane.Get<IServiceProvider>(), """{"tenant":"tenant","batch":"none"}""", CancellationToken.None);

        Assert.Equal(0, await plane.CountAsync(StorageNames.PoisonQueue(StorageNames.PlanQueue)));
    }

    [Fact]
    public void Every_queue_has_a_message_type_that_refuses_an_empty_object()
    {
        Assert.Null(MessageReader.TryRead<PlanMessage>("{}"));
        Assert.Null(MessageReader.TryRead<FinishMessage>("{}"));
        Assert.Null(MessageReader.TryRead<WebhookMessage>("""{"tenant":"t"}"""));
        Assert.Null(MessageReader.TryRead<TrainingMessage>("[]"));
        Assert.Null(MessageReader.TryRead<ShardMessage>("""{"tenant":"t","batch":"b","attempt":"p"}"""));
    }

    private static QueueBinding Of(string name) => Triggers.Queues.Single(trigger => trigger.Name == name);
}
