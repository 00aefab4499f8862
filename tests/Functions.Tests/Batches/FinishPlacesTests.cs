using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches;

/// <summary>The ends of a tenant's large batches leave places to the small ones of others.</summary>
public sealed class FinishPlacesTests(StorageFixture fixture)
{
    private readonly SentMessages _messages = new();

    [Fact]
    public void Large_batches_have_two_places_from_the_first_moment_and_small_ones_any_number()
    {
        var places = new FinishPlaces(new FakeTimeProvider());
        BatchRecord large = Batch("large", 1_001), small = Batch("small", 1_000);

        Assert.All(Enumerable.Range(0, 8), _ => Assert.NotNull(places.TryEnter(small)));
        using var first = places.TryEnter(large);
        using (places.TryEnter(large))
            Assert.Null(places.TryEnter(large));

        Assert.NotNull(places.TryEnter(large));
    }

    [Fact]
    public void The_small_batches_of_a_tenant_wait_for_its_large_ones_and_those_of_others_do_not()
    {
        var places = new FinishPlaces(new FakeTimeProvider());
        using var first = places.TryEnter(Batch("tenant", 10_000));
        using var second = places.TryEnter(Batch("tenant", 10_000));

        Assert.Null(places.TryEnter(Batch("tenant", 1)));
        Assert.NotNull(places.TryEnter(Batch("other", 1)));
    }

    [Fact]
    public async Task A_batch_without_a_place_ends_once_there_is_one()
    {
        await using var plane = await StartAsync(fixture, services => services.AddSingleton(provider =>
            _messages.Account(provider.GetRequiredService<IConfiguration>()["Storage:ConnectionString"]!)));
        var batch = await plane.PlannedAsync(Lines(3));
        await plane.AnswerAsync(batch, 0);
        var places = plane.Get<FinishPlaces>();
        var large = Batch(Tenant, 10_000);
        using (places.TryEnter(large))
        using (places.TryEnter(large))
            await plane.FinishAsync(batch);

        Assert.Equal(BatchStatus.InProgress, (await plane.ReloadAsync(batch)).Status);
        var postponed = _messages.Sent.Last();
        Assert.Equal(5, postponed.Delay.TotalSeconds, tolerance: 1);
        await SentMessages.PassTimeAsync(plane.Storage, postponed);
        Assert.Equal(1, await plane.CountAsync(StorageNames.FinishQueue));
        await plane.FinishAsync(batch);

        Assert.Equal(BatchStatus.Completed, (await plane.ReloadAsync(batch)).Status);
    }

    private static BatchRecord Batch(string tenant, int numLines) => new() { PartitionKey = tenant, RowKey = "1", TotalLines = numLines };
}
