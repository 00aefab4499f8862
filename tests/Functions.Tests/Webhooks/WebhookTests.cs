using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Webhooks;

public sealed class WebhookTests(StorageFixture fixture)
{
    [Fact]
    public async Task The_end_of_a_batch_is_told_with_a_signature_that_the_secret_explains()
    {
        await using var plane = await LocalAsync();
        await using var receiver = await Receiver.StartAsync();
        var endpoint = await CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}"}""");
        var batch = await FailedAsync(plane);

        await DeliverAsync(plane);

        var (id, timestamp, signature, body) = Assert.Single(receiver.Received);
        Assert.Equal(WebhookSignature.Sign(endpoint["secret"]!.GetValue<string>(), id, timestamp, body), signature);
        Assert.Equal(plane.Time.GetUtcNow().ToUnixTimeSeconds(), timestamp);
        var told = JsonNode.Parse(body)!;
        Assert.Equal(
            (id, "event", "batch.failed", batch.Id),
            (Text(told, "id"), Text(told, "object"), Text(told, "type"), Text(told["data"]!, "id")));
        Assert.Empty(await TakeAsync(plane));
    }

    [Fact]
    public async Task An_event_told_twice_has_the_same_id()
    {
        await using var plane = await LocalAsync();
        await using var receiver = await Receiver.StartAsync();
        await CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}"}""");
        var batch = await FailedAsync(plane);

        await plane.Get<BatchClosing>().RunAsync(batch, CancellationToken.None);
        await DeliverAsync(plane);

        Assert.Equal(2, receiver.Received.Count);
        Assert.Single(receiver.Received.Select(received => received.Id).Distinct());
    }

    [Theory]
    [InlineData(HttpStatusCode.InternalServerError)]
    [InlineData(HttpStatusCode.NotFound)]
    [InlineData(HttpStatusCode.TemporaryRedirect)]
    [InlineData(HttpStatusCode.Found)]
    public async Task An_endpoint_that_does_not_hear_is_told_again_over_24_hours_and_then_no_more(HttpStatusCode status)
    {
        await using var plane = await LocalAsync();
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = () => status;
        await CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}"}""");
        await FailedAsync(plane);
        var message = Assert.Single(await TakeAsync(plane));

        Assert.InRange(
            WebhookOptions.Delays.Aggregate(TimeSpan.Zero, (sum, delay) => sum + delay),
            TimeSpan.FromHours(23.5), TimeSpan.FromHours(24.5));
        for (int attempt = 0; attempt <= WebhookOptions.Delays.Count; attempt++)
            await plane.Get<DeliverWebhookHandler>().RunAsync(message with { Attempt = attempt }, CancellationToken.None);

        Assert.Equal(WebhookOptions.Delays.Count + 1, receiver.Received.Count);
        // each but the last has a successor, unseen for its delay
        Assert.Equal(WebhookOptions.Delays.Count, await plane.CountAsync(StorageNames.WebhookQueue));
    }

    [Fact]
    public async Task Within_an_attempt_what_passes_in_a_moment_is_tried_again()
    {
        await using var plane = await StartAsync(fixture, ("Webhooks:AllowLocal", "true"));
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = () => receiver.Received.Count < 3 ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.NoContent;
        await CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}"}""");
        await FailedAsync(plane);

        await DeliverAsync(plane);

        Assert.Equal(3, receiver.Received.Count);
        Assert.Equal(0, await plane.CountAsync(StorageNames.WebhookQueue));
    }

    [Fact]
    public async Task Events_for_endpoints_that_do_not_answer_wait_behind_those_of_others()
    {
        await using var plane = await LocalAsync();
        await using var receiver = await Receiver.StartAsync();
        var places = plane.Get<DeliveryPlaces>();
        await CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}"}""");
        await FailedAsync(plane);
        var message = Assert.Single(await TakeAsync(plane));
        using var first = places.TryEnter(Tenant);
        using var second = places.TryEnter(Tenant);
        plane.Time.Advance(TimeSpan.FromSeconds(2));

        await plane.Get<DeliverWebhookHandler>().RunAsync(message, CancellationToken.None);

        Assert.Empty(receiver.Received);
        Assert.Equal(1, await plane.CountAsync(StorageNames.WebhookQueue));     // the same attempt, behind the others
        Assert.Empty(await TakeAsync(plane));       // for some seconds
    }

    [Fact]
    public async Task A_host_that_cannot_be_reached_is_left_alone_after_three_attempts()
    {
        await using var plane = await LocalAsync();
        await CreatedAsync(plane, """{"url":"http://127.0.0.1:9/hook"}""");
        await FailedAsync(plane);
        var message = Assert.Single(await TakeAsync(plane));
        var endpoint = (await plane.Get<WebhookEndpoints>().Records.FindAsync(Tenant, message.Endpoint!, CancellationToken.None))!;
        var ended = (await plane.Batches.Records.FindAsync(Tenant, message.Batch!, CancellationToken.None))!;

        List<string?> reasons = [];
        for (int attempt = 0; attempt < 4; attempt++)
        {
            var target = plane.Get<WebhookEndpoints>().TargetOf(endpoint);
            reasons.Add((await plane.Get<WebhookDelivery>().RunAsync(target, WebhookEvent.Of(ended), CancellationToken.None)).Failure);
        }

        Assert.All(reasons.Take(3), reason => Assert.StartsWith("The endpoint cannot be reached", reason, StringComparison.Ordinal));
        Assert.StartsWith("The host of the endpoint has failed", reasons[3], StringComparison.Ordinal);
        var others = plane.Get<WebhookEndpoints>().TargetOf(endpoint) with { Tenant = "other" };
        var toOther = await plane.Get<WebhookDelivery>().RunAsync(others, WebhookEvent.Of(ended), CancellationToken.None);
        Assert.StartsWith("The endpoint cannot be reached", toOther.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_of_a_batch_that_has_not_ended_tells_nobody()
    {
        await using var plane = await LocalAsync();
        await using var receiver = await Receiver.StartAsync();
        var endpoint = await CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}"}""");
        var batch = await plane.PlannedAsync(Lines(1));
        string key = SortableKey.Parse(Text(endpoint, "id"), WebhookEndpointRecord.IdPrefix)!;

        await plane.Get<DeliverWebhookHandler>().RunAsync(
            new WebhookMessage(Tenant, key, Attempt: 0, Batch: batch.RowKey), CancellationToken.None);

        Assert.Empty(receiver.Received);
    }

    [Theory]
    [InlineData("http://127.0.0.1:7/hook", 409)]
    [InlineData("HTTP://127.0.0.1:7/hook", 409)]
    [InlineData("http://127.0.0.1:7/hook?a=b", 200)]
    public async Task A_second_endpoint_with_the_same_url_is_refused(string url, int status)
    {
        await using var plane = await LocalAsync();
        await CreatedAsync(plane, """{"url":"http://127.0.0.1:7/hook"}""");

        using var body = new StringContent($$"""{"url":"{{url}}"}""", Encoding.UTF8, "application/json");
        using var answer = await plane.Client.PostAsync("/v1/webhook_endpoints", body);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(status == 409, (await answer.Content.ReadAsStringAsync()).Contains("endpoint_exists", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_address_of_the_inside_is_refused_when_it_is_connected_to()
    {
        await using var plane = await StartAsync(fixture, ("Webhooks:TriesPerAttempt", "1"));
        await using var receiver = await Receiver.StartAsync();
        await plane.Get<WebhookEndpoints>()
            .AddAsync(Tenant, SortableKey.Create(plane.Time), receiver.Url.Replace("127.0.0.1", "localhost", StringComparison.Ordinal),
                WebhookEvent.Types, CancellationToken.None);
        await FailedAsync(plane);

        await DeliverAsync(plane);

        Assert.Empty(receiver.Received);
        Assert.Equal(1, await plane.CountAsync(StorageNames.WebhookQueue));
    }

    [Fact]
    public async Task Only_the_events_asked_for_are_told_and_only_to_their_tenant()
    {
        await using var plane = await LocalAsync();
        await using var receiver = await Receiver.StartAsync();
        await CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}","events":["batch.completed","batch.cancelled"]}""");
        await plane.Get<WebhookEndpoints>().AddAsync(
            "other", SortableKey.Create(plane.Time), receiver.Url, WebhookEvent.Types, CancellationToken.None);

        await FailedAsync(plane);

        Assert.Equal(0, await plane.CountAsync(StorageNames.WebhookQueue));
    }

    [Fact]
    public async Task A_secret_is_told_once_and_kept_sealed()
    {
        await using var plane = await StartAsync(fixture);
        var created = await CreatedAsync(plane, """{"url":"https://example.com/hook"}""");
        string id = Text(created, "id"), secret = Text(created, "secret");

        string seen = await plane.Client.GetStringAsync($"/v1/webhook_endpoints/{id}")
            + await plane.Client.GetStringAsync("/v1/webhook_endpoints");
        var record = (await plane.Get<WebhookEndpoints>().FindAsync(Tenant, id, CancellationToken.None))!;

        Assert.DoesNotContain("whsec", seen + record.SealedSecret, StringComparison.Ordinal);
        Assert.Equal(secret, plane.Get<WebhookEndpoints>().TargetOf(record).Secret);
        using var other = await plane.NewClientAsync("other");
        await AssertErrorAsync(await other.DeleteAsync($"/v1/webhook_endpoints/{id}"), HttpStatusCode.NotFound, null);
        Assert.True((await ReadAsync(await plane.Client.DeleteAsync($"/v1/webhook_endpoints/{id}")))["deleted"]!.GetValue<bool>());
        Assert.Empty((await ReadAsync(await plane.Client.GetAsync("/v1/webhook_endpoints")))["data"]!.AsArray());
    }

    [Theory]
    [InlineData("""{"url":"http://example.com/hook"}""", "url")]
    [InlineData("""{"url":"https://127.0.0.1/hook"}""", "url")]
    [InlineData("""{"url":"https://localhost/hook"}""", "url")]
    [InlineData("""{"url":"https://2130706433/hook"}""", "url")]
    [InlineData("""{"url":"https://[::1]/hook"}""", "url")]
    [InlineData("""{"url":"https://169.254.169.254/metadata"}""", "url")]
    [InlineData("""{"url":"https://user:password@example.com/hook"}""", "url")]
    [InlineData("""{"url":"ftp://example.com/hook"}""", "url")]
    [InlineData("""{"url":7}""", "url")]
    [InlineData("""{}""", "url")]
    [InlineData("""{"url":"https://example.com","events":["batch.exploded"]}""", "events")]
    [InlineData("""{"url":"https://example.com","events":[]}""", "events")]
    public async Task An_endpoint_asked_for_wrongly_is_refused_by_name(string body, string parameter)
    {
        await using var plane = await StartAsync(fixture);

        await AssertErrorAsync(await PostAsync(plane, body), HttpStatusCode.BadRequest, parameter);
    }

    private Task<ControlPlane> LocalAsync() => StartAsync(fixture, ("Webhooks:AllowLocal", "true"), ("Webhooks:TriesPerAttempt", "1"));

    private static async Task<BatchRecord> FailedAsync(ControlPlane plane)
    {
        var batch = await plane.PlannedAsync("nonsense");
        Assert.Equal(BatchStatus.Failed, batch.Status);
        return batch;
    }

    /// <summary>Delivers what is on the queue now.</summary>
    internal static async Task DeliverAsync(ControlPlane plane)
    {
        foreach (var message in await TakeAsync(plane))
            await plane.Get<DeliverWebhookHandler>().RunAsync(message, CancellationToken.None);
    }

    internal static async Task<List<WebhookMessage>> TakeAsync(ControlPlane plane)
    {
        List<WebhookMessage> taken = [];
        var queue = plane.Storage.Queue(StorageNames.WebhookQueue);
        while ((await queue.ReceiveMessageAsync()).Value is { } message)
        {
            taken.Add(message.Body.ToObjectFromJson<WebhookMessage>(WireJson.Options)!);
            await queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
        }
        return taken;
    }

    private static async Task<HttpResponseMessage> PostAsync(ControlPlane plane, string json)
    {
        using var body = new StringContent(json, Encoding.UTF8, "application/json");
        return await plane.Client.PostAsync("/v1/webhook_endpoints", body);
    }

    internal static async Task<JsonNode> CreatedAsync(ControlPlane plane, string json) => await ReadAsync(await PostAsync(plane, json));

    internal static string Text(JsonNode json, string name) => json[name]!.GetValue<string>();
}
