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

        using var first = TryEnter(places, "1");
        Assert.Null(TryEnter(places, "1"));
        using (TryEnter(places, "2"))
            Assert.Null(TryEnter(places, "3"));

        Assert.NotNull(TryEnter(places, "3"));
        Assert.NotNull(places.TryEnter(new JobKey("other", "1"), Large));
    }

    [Fact]
    public void Small_batches_do_not_wait_and_keep_no_large_one_waiting()
    {
        var places = new FinishPlaces(_time);

        Assert.All(Enumerable.Range(0, 8), number => Assert.NotNull(places.TryEnter(Key($"{number}"), FinishPlaces.LargeFrom)));
        using var first = TryEnter(places, "8");
        using var second = TryEnter(places, "9");
        Assert.NotNull(second);
        Assert.NotNull(places.TryEnter(Key("10"), FinishPlaces.LargeFrom));
        Assert.Null(TryEnter(places, "11"));
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
        Assert.True((await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!.Shards.Count > FinishPlaces.LargeFrom);
        await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", content: null);
        plane.Time.Advance(BatchTimes.CancelGrace);
        int numSent = _messages.Sent.Count;
        var places = plane.Get<FinishPlaces>();
        using (TryEnter(places, "1"))
        using (TryEnter(places, "2"))
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

    private static int Large => FinishPlaces.LargeFrom + 1;

    private static IDisposable? TryEnter(FinishPlaces places, string batch) => places.TryEnter(Key(batch), Large);

    private static JobKey Key(string batch) => new(Tenant, batch);
}
