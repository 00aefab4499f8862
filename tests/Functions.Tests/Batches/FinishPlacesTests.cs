using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches;

/// <summary>The ends of a tenant's large batches leave places to the batches of others.</summary>
public sealed class FinishPlacesTests(StorageFixture fixture)
{
    private readonly SentMessages _messages = new();
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_tenant_has_two_large_batches_in_work_and_each_of_them_once()
    {
        var places = new FinishPlaces(_time);

        using var first = places.TryEnter(Key("1"));
        Assert.Null(places.TryEnter(Key("1")));
        using (places.TryEnter(Key("2")))
            Assert.Null(places.TryEnter(Key("3")));

        Assert.NotNull(places.TryEnter(Key("3")));
        Assert.NotNull(places.TryEnter(new JobKey("other", "1")));
    }

    [Fact]
    public void A_batch_is_large_by_its_shards()
    {
        static BatchPlan Plan(int numShards) =>
            new("plan", "model", "profile", numShards, [.. Enumerable.Repeat(new PlannedShard(0, 1), numShards)]);

        Assert.False(FinishPlaces.IsLarge(null));
        Assert.False(FinishPlaces.IsLarge(Plan(64)));
        Assert.True(FinishPlaces.IsLarge(Plan(65)));
    }

    [Fact]
    public void One_message_of_a_batch_waits_and_the_more_wait_the_longer()
    {
        var places = new FinishPlaces(_time);
        List<double> waits = [];
        for (int number = 0; number < 100; number++)
        {
            var wait = places.Wait(Key($"{number}"))!.Value;
            places.Sent(Key($"{number}"), wait);
            waits.Add(wait.TotalSeconds);
        }

        Assert.Null(places.Wait(Key("99")));
        Assert.InRange(waits[0], 5, 15);
        Assert.InRange(waits[99], 5 * 10.9, 15 * 10.9);
        _time.Advance(TimeSpan.FromSeconds(15 * 10.9));
        Assert.InRange(places.Wait(Key("99"))!.Value.TotalSeconds, 5, 15);
    }

    [Fact]
    public async Task A_large_batch_without_a_place_ends_once_there_is_one_and_has_one_message_whatever_the_sweep_sends()
    {
        await using var plane = await StartAsync(fixture, services => services.AddSingleton(provider =>
            _messages.Account(provider.GetRequiredService<IConfiguration>()["Storage:ConnectionString"]!)));
        var batch = await plane.PlannedAsync(Lines(70, "[MASK:400] x"));
        Assert.True(FinishPlaces.IsLarge(await plane.Blobs(batch).FindPlanAsync(CancellationToken.None)));
        await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", content: null);
        plane.Time.Advance(BatchTimes.CancelGrace);
        int numSent = _messages.Sent.Count;
        var places = plane.Get<FinishPlaces>();
        using (places.TryEnter(new JobKey(Tenant, "1")))
        using (places.TryEnter(new JobKey(Tenant, "2")))
        {
            await plane.FinishAsync(batch);
            await plane.FinishAsync(batch);
        }

        Assert.False((await plane.ReloadAsync(batch)).IsTerminal);
        var postponed = Assert.Single(_messages.Sent.Skip(numSent));
        Assert.Equal(StorageNames.FinishQueue, postponed.Queue);
        Assert.InRange(postponed.Delay.TotalSeconds, 4, 16);    // five to fifteen, in whole seconds
        await plane.FinishAsync(batch);

        Assert.Equal(BatchStatus.Cancelled, (await plane.ReloadAsync(batch)).Status);
    }

    private static JobKey Key(string batch) => new(Tenant, batch);
}
