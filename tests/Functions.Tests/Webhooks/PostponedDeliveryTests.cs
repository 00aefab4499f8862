using System.Net;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Webhooks.WebhookTests;

namespace LLaDA.Batch.Functions.Tests.Webhooks;

/// <summary>A delivery that is put off comes when it is due, once, and costs its event no attempt.</summary>
public sealed class PostponedDeliveryTests(StorageFixture fixture)
{
    private readonly SentMessages _messages = new();

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task A_delivery_that_waits_for_a_place_comes_once_there_is_one(int attempt)
    {
        await using var plane = await StartAsync();
        await using var receiver = await Receiver.StartAsync();
        var places = plane.Get<DeliveryPlaces>();
        await CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}"}""");
        await plane.PlannedAsync("nonsense");
        var message = Assert.Single(await TakeAsync(plane)) with { Attempt = attempt };
        var slow = new[] { places.TryEnter(Tenant)!, places.TryEnter(Tenant)! };
        plane.Time.Advance(TimeSpan.FromSeconds(2));

        for (int round = 0; round < 3; round++)
        {
            await plane.Get<DeliverWebhookHandler>().RunAsync(message, CancellationToken.None);
            var postponed = _messages.Sent.Last();
            Assert.InRange(postponed.Delay.TotalSeconds, 4, 7);     // five and half a second more each round, in whole seconds
            Assert.Empty(await TakeAsync(plane));
            await SentMessages.PassTimeAsync(plane.Storage, postponed);
            Assert.Equal(message, Assert.Single(await TakeAsync(plane)));
        }
        Assert.Empty(receiver.Received);
        foreach (var place in slow)
            place.Dispose();
        await plane.Get<DeliverWebhookHandler>().RunAsync(message, CancellationToken.None);

        Assert.Single(receiver.Received);
        Assert.Equal(0, await plane.CountAsync(StorageNames.WebhookQueue));
        var log = await plane.Get<WebhookDeliveries>().Records
            .ListAsync(WebhookDeliveryRecord.Partition(Tenant, await TargetAsync(plane)), after: null, CancellationToken.None)
            .ToListAsync();
        Assert.Equal((DeliveryStatus.Delivered, 1), (Assert.Single(log).Status, log[0].Attempts));
    }

    [Fact]
    public async Task Each_failed_attempt_is_followed_by_one_that_is_due_when_the_log_says()
    {
        await using var plane = await StartAsync();
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = () => HttpStatusCode.BadGateway;
        await CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}"}""");
        await plane.PlannedAsync("nonsense");
        var message = Assert.Single(await TakeAsync(plane));

        for (int attempt = 0; attempt < WebhookOptions.Delays.Count; attempt++)
        {
            Assert.Equal(attempt, message.Attempt);
            await plane.Get<DeliverWebhookHandler>().RunAsync(message, CancellationToken.None);
            var next = _messages.Sent.Last();
            Assert.Equal(WebhookOptions.Delays[attempt].TotalSeconds, next.Delay.TotalSeconds, tolerance: 1);
            Assert.Empty(await TakeAsync(plane));
            await SentMessages.PassTimeAsync(plane.Storage, next);
            message = Assert.Single(await TakeAsync(plane));
            plane.Time.Advance(WebhookOptions.Delays[attempt]);
        }
        receiver.Answer = () => HttpStatusCode.OK;
        await plane.Get<DeliverWebhookHandler>().RunAsync(message, CancellationToken.None);

        Assert.Equal(WebhookOptions.Delays.Count + 1, receiver.Received.Count);
        Assert.Equal(0, await plane.CountAsync(StorageNames.WebhookQueue));
    }

    private Task<ControlPlane> StartAsync() => ControlPlane.StartAsync(
        fixture,
        services => services.AddSingleton(provider =>
            _messages.Account(provider.GetRequiredService<IConfiguration>()["Storage:ConnectionString"]!)),
        ("Webhooks:AllowLocal", "true"), ("Webhooks:TriesPerAttempt", "1"));

    private static async Task<string> TargetAsync(ControlPlane plane)
    {
        var endpoints = plane.Get<WebhookEndpoints>();
        return endpoints.TargetOf(await endpoints.Records.ListAsync(Tenant, after: null, CancellationToken.None).FirstAsync()).Id;
    }
}
