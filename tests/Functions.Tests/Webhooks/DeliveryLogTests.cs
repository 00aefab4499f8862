using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Remote;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;
using static LLaDA.Batch.Functions.Tests.Webhooks.WebhookTests;

namespace LLaDA.Batch.Functions.Tests.Webhooks;

/// <summary>What clients see of deliveries: the log of an endpoint, and a test of it.</summary>
public sealed class DeliveryLogTests(StorageFixture fixture)
{
    private static readonly (string, string)[] s_local = [("Webhooks:AllowLocal", "true"), ("Webhooks:TriesPerAttempt", "1")];

    [Fact]
    public async Task Each_attempt_is_counted_with_its_answer_and_the_time_of_the_next_one()
    {
        await using var plane = await StartAsync(fixture, s_local);
        await using var receiver = await Receiver.StartAsync();
        string id = await EndpointAsync(plane, receiver.Url);
        receiver.Answer = () => HttpStatusCode.ServiceUnavailable;
        var batch = await plane.PlannedAsync("nonsense");
        var message = Assert.Single(await TakeAsync(plane));
        long now = plane.Time.GetUtcNow().ToUnixTimeSeconds();

        await plane.Get<DeliverWebhookHandler>().RunAsync(message, CancellationToken.None);
        var failed = Assert.Single(await LogAsync(plane, id));

        Assert.Equal(("pending", 1, 503, now), (Text(failed, "status"), Number(failed, "attempts"), Number(failed, "status_code"),
            failed["attempted_at"]!.GetValue<long>()));
        Assert.Equal((now + 5, "The endpoint answered 503"), (failed["next_attempt_at"]!.GetValue<long>(), Text(failed, "message")));
        Assert.Equal(("batch.failed", batch.Id, receiver.Received.First().Id),
            (Text(failed, "type"), Text(failed["data"]!, "id"), Text(failed, "event_id")));

        plane.Time.Advance(TimeSpan.FromSeconds(5));
        receiver.Answer = () => HttpStatusCode.OK;
        await plane.Get<DeliverWebhookHandler>().RunAsync(message with { Attempt = 1 }, CancellationToken.None);
        receiver.Answer = () => HttpStatusCode.InternalServerError;
        await plane.Get<DeliverWebhookHandler>().RunAsync(message, CancellationToken.None);    // the same message, delivered twice
        var delivered = Assert.Single(await LogAsync(plane, id));

        Assert.Equal(("delivered", 3, 200), (Text(delivered, "status"), Number(delivered, "attempts"), Number(delivered, "status_code")));
        Assert.Null(delivered["message"]);
        Assert.Null(delivered["next_attempt_at"]);
    }

    [Theory]
    [InlineData(1, 60)]
    [InlineData(3, 30 * 60)]
    [InlineData(7, 8.4 * 60 * 60)]
    public async Task The_pauses_between_attempts_grow(int attempt, double seconds)
    {
        await using var plane = await StartAsync(fixture, s_local);
        await using var receiver = await Receiver.StartAsync();
        string id = await EndpointAsync(plane, receiver.Url);
        receiver.Answer = () => HttpStatusCode.ServiceUnavailable;
        await plane.PlannedAsync("nonsense");
        var message = Assert.Single(await TakeAsync(plane));

        await plane.Get<DeliverWebhookHandler>().RunAsync(message with { Attempt = attempt }, CancellationToken.None);

        long next = Assert.Single(await LogAsync(plane, id))["next_attempt_at"]!.GetValue<long>();
        Assert.Equal(plane.Time.GetUtcNow().ToUnixTimeSeconds() + seconds, next, tolerance: 1);
    }

    [Theory]
    [InlineData(HttpStatusCode.Gone, 0)]
    [InlineData(HttpStatusCode.BadGateway, 8)]
    public async Task What_is_not_tried_again_was_given_up(HttpStatusCode answer, int attempt)
    {
        await using var plane = await StartAsync(fixture, s_local);
        await using var receiver = await Receiver.StartAsync();
        string id = await EndpointAsync(plane, receiver.Url);
        receiver.Answer = () => answer;
        await plane.PlannedAsync("nonsense");
        var message = Assert.Single(await TakeAsync(plane));

        await plane.Get<DeliverWebhookHandler>().RunAsync(message with { Attempt = attempt }, CancellationToken.None);

        var delivery = Assert.Single(await LogAsync(plane, id));
        Assert.Equal(("gave_up", (int)answer), (Text(delivery, "status"), Number(delivery, "status_code")));
        Assert.Null(delivery["next_attempt_at"]);
        Assert.Equal(0, await plane.CountAsync(StorageNames.WebhookQueue));
    }

    [Fact]
    public async Task A_log_that_cannot_be_written_does_not_deliver_an_event_twice()
    {
        var faults = new StorageFaults();
        await using var plane = await StartAsync(fixture, services => services.AddSingleton(provider =>
            faults.Account(provider.GetRequiredService<IConfiguration>()["Storage:ConnectionString"]!)), s_local);
        await using var receiver = await Receiver.StartAsync();
        await EndpointAsync(plane, receiver.Url);
        await plane.PlannedAsync("nonsense");
        var message = Assert.Single(await TakeAsync(plane));
        faults.Refuses = call => !call.StartsWith("GET", StringComparison.Ordinal) && call.Contains("/webhooks", StringComparison.Ordinal);

        await plane.Get<DeliverWebhookHandler>().RunAsync(message, CancellationToken.None);

        Assert.Single(receiver.Received);
    }

    [Fact]
    public async Task A_test_is_delivered_now_whatever_the_endpoint_asked_for_and_its_outcome_is_the_answer()
    {
        await using var plane = await StartAsync(fixture, s_local);
        await using var receiver = await Receiver.StartAsync();
        var endpoint = await CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}","events":["batch.expired"]}""");
        string id = Text(endpoint, "id");

        var delivered = await ReadAsync(await TestAsync(plane.Client, id));
        receiver.Answer = () => HttpStatusCode.Unauthorized;
        plane.Time.Advance(TimeSpan.FromSeconds(1));
        var failed = await ReadAsync(await TestAsync(plane.Client, id, "{}"));

        var (eventId, timestamp, signature, body) = receiver.Received.First();
        Assert.Equal(WebhookSignature.Sign(Text(endpoint, "secret"), eventId, timestamp, body), signature);
        Assert.Equal(("webhook_endpoint.test", id), (Text(JsonNode.Parse(body)!, "type"), Text(JsonNode.Parse(body)!["data"]!, "id")));
        Assert.Equal(("delivered", eventId), (Text(delivered, "status"), Text(delivered, "event_id")));
        Assert.Equal(("gave_up", "The endpoint answered 401"), (Text(failed, "status"), Text(failed, "message")));
        Assert.Equal(
            [Text(failed, "id"), Text(delivered, "id")], (await LogAsync(plane, id)).Select(delivery => Text(delivery, "id")));
        Assert.Equal(0, await plane.CountAsync(StorageNames.WebhookQueue));
    }

    [Fact]
    public async Task A_test_calls_a_host_that_is_left_alone_after_failures()
    {
        await using var plane = await StartAsync(fixture, s_local);
        string id = await EndpointAsync(plane, "http://127.0.0.1:9/refused");
        await plane.PlannedAsync("nonsense");
        var message = Assert.Single(await TakeAsync(plane));
        for (int failure = 0; failure <= HostBreakers.MaxFailures; failure++)
            await plane.Get<DeliverWebhookHandler>().RunAsync(message, CancellationToken.None);
        Assert.Contains("left alone", Text(Assert.Single(await LogAsync(plane, id)), "message"), StringComparison.Ordinal);

        var tested = await ReadAsync(await TestAsync(plane.Client, id));

        Assert.StartsWith("The endpoint cannot be reached", Text(tested, "message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_test_asked_for_wrongly_or_by_others_or_while_endpoints_are_slow_is_refused()
    {
        await using var plane = await StartAsync(fixture, s_local);
        await using var receiver = await Receiver.StartAsync();
        string id = await EndpointAsync(plane, receiver.Url);
        using var other = await plane.NewClientAsync("other");

        await AssertErrorAsync(await TestAsync(plane.Client, id, """{"event":"x"}"""), HttpStatusCode.BadRequest, "event");
        await AssertErrorAsync(await TestAsync(other, id), HttpStatusCode.NotFound, null);
        await AssertErrorAsync(await other.GetAsync($"/v1/webhook_endpoints/{id}/deliveries"), HttpStatusCode.NotFound, null);
        var places = plane.Get<DeliveryPlaces>();
        using var first = places.TryEnter(Tenant);
        using var second = places.TryEnter(Tenant);
        plane.Time.Advance(TimeSpan.FromSeconds(2));
        using var slow = await TestAsync(plane.Client, id);

        Assert.Equal(HttpStatusCode.TooManyRequests, slow.StatusCode);
        Assert.NotNull(slow.Headers.RetryAfter);
        Assert.Empty(receiver.Received);
    }

    [Fact]
    public async Task Names_of_the_inside_and_names_that_do_not_exist_look_alike()
    {
        await using var plane = await StartAsync(fixture, ("Webhooks:TriesPerAttempt", "1"));
        var endpoints = plane.Get<WebhookEndpoints>();

        List<string> messages = [];
        foreach (string host in new[] { "localhost", "nothing.invalid" })
        {
            plane.Time.Advance(TimeSpan.FromSeconds(1));
            var (endpoint, _) = await endpoints.AddAsync(
                Tenant, SortableKey.Create(plane.Time), $"https://{host}/hook", WebhookEvent.Types, CancellationToken.None);
            messages.Add(Text(await ReadAsync(await TestAsync(plane.Client, endpoint.Id)), "message"));
        }

        Assert.Equal(messages[0], messages[1]);
    }

    [Fact]
    public async Task The_log_comes_in_pages_and_goes_with_its_time_or_its_endpoint()
    {
        await using var plane = await StartAsync(fixture, s_local);
        await using var receiver = await Receiver.StartAsync();
        string id = await EndpointAsync(plane, receiver.Url), kept = await EndpointAsync(plane, receiver.Url + "?other");
        for (int index = 0; index < 3; index++)
        {
            (await TestAsync(plane.Client, id)).Dispose();
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }
        (await TestAsync(plane.Client, kept)).Dispose();
        var all = await LogAsync(plane, id);

        Assert.Equal(3, all.Count);
        Assert.Equal(all.OrderByDescending(Happened).Select(Happened), all.Select(Happened));
        var page = await LogAsync(plane, id, $"?limit=1&after={Text(all[0], "id")}");
        Assert.Equal(Text(all[1], "id"), Text(Assert.Single(page), "id"));
        await AssertErrorAsync(
            await plane.Client.GetAsync($"/v1/webhook_endpoints/{id}/deliveries?after=evt_1"), HttpStatusCode.BadRequest, "after");

        (await plane.Client.DeleteAsync($"/v1/webhook_endpoints/{id}")).EnsureSuccessStatusCode();
        Assert.Empty(await plane.Get<WebhookDeliveries>().Records
            .ListAsync(WebhookDeliveryRecord.Partition(Tenant, id), after: null, CancellationToken.None).ToListAsync());
        plane.Time.Advance(TimeSpan.FromDays(29));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);
        Assert.Single(await LogAsync(plane, kept));
        plane.Time.Advance(TimeSpan.FromDays(2));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);
        Assert.Empty(await LogAsync(plane, kept));
    }

    internal static async Task<IReadOnlyList<JsonNode>> LogAsync(ControlPlane plane, string id, string query = "") =>
        [.. (await ReadAsync(await plane.Client.GetAsync($"/v1/webhook_endpoints/{id}/deliveries{query}")))["data"]!.AsArray()!];

    private static long Happened(JsonNode delivery) => delivery["created_at"]!.GetValue<long>();

    private static async Task<string> EndpointAsync(ControlPlane plane, string url) =>
        Text(await CreatedAsync(plane, $$"""{"url":"{{url}}"}"""), "id");

    private static async Task<HttpResponseMessage> TestAsync(HttpClient client, string id, string? body = null)
    {
        using var content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        return await client.PostAsync($"/v1/webhook_endpoints/{id}/test", content);
    }

    private static int Number(JsonNode json, string name) => json[name]!.GetValue<int>();
}
