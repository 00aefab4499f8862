using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;
using static LLaDA.Batch.Functions.Tests.Webhooks.WebhookTests;

namespace LLaDA.Batch.Functions.Tests.Webhooks;

/// <summary>A batch names what is called at its own end.</summary>
public sealed class BatchWebhookTests(StorageFixture fixture)
{
    private static readonly (string, string)[] s_local = [("Webhooks:AllowLocal", "true"), ("Webhooks:TriesPerAttempt", "1")];

    [Fact]
    public async Task Its_end_is_reported_with_its_own_secret_which_only_the_creation_shows()
    {
        await using var plane = await StartAsync(fixture, s_local);
        await using var receiver = await Receiver.StartAsync();
        var created = await CreatedAsync(plane, "nonsense", receiver.Url);
        string id = Text(created, "id"), secret = Text(created["webhook"]!, "secret");
        await plane.CreatedAsync("nonsense"u8.ToArray());     // another batch, which names nothing

        var batch = await EndAsync(plane, id);
        await DeliverAsync(plane);

        var (eventId, timestamp, signature, body) = Assert.Single(receiver.Received);
        Assert.Equal(WebhookSignature.Sign(secret, eventId, timestamp, body), signature);
        Assert.Equal(("batch.failed", id), (Text(JsonNode.Parse(body)!, "type"), Text(JsonNode.Parse(body)!["data"]!, "id")));
        string shown = await plane.Client.GetStringAsync($"/v1/batches/{id}"), listed = await plane.Client.GetStringAsync("/v1/batches");
        Assert.DoesNotContain("whsec", shown + listed + batch.SealedWebhookSecret, StringComparison.Ordinal);
        var webhook = JsonNode.Parse(shown)!["webhook"]!;
        Assert.Equal((receiver.Url, "delivered", eventId),
            (Text(webhook, "url"), Text(webhook["delivery"]!, "status"), Text(webhook["delivery"]!, "event_id")));
        Assert.Equal(WebhookEvent.BatchTypes, webhook["events"]!.AsArray().Select(type => type!.GetValue<string>()));
    }

    [Fact]
    public async Task An_event_that_it_does_not_want_is_not_sent()
    {
        await using var plane = await StartAsync(fixture, s_local);

        var created = await CreatedAsync(plane, "nonsense", "http://127.0.0.1:9/hook", "batch.completed");
        await EndAsync(plane, Text(created, "id"));

        Assert.Equal(0, await plane.CountAsync(StorageNames.WebhookQueue));
    }

    [Fact]
    public async Task An_endpoint_with_the_same_url_is_called_as_well_under_the_same_id_and_with_its_own_secret()
    {
        await using var plane = await StartAsync(fixture, s_local);
        await using var receiver = await Receiver.StartAsync();
        var endpoint = await WebhookTests.CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}"}""");
        var created = await CreatedAsync(plane, "nonsense", receiver.Url);
        string[] secrets = [Text(endpoint, "secret"), Text(created["webhook"]!, "secret")];

        await EndAsync(plane, Text(created, "id"));
        await DeliverAsync(plane);

        Assert.Equal(2, receiver.Received.Count);
        Assert.Single(receiver.Received.Select(received => received.Id).Distinct());
        Assert.Equal(
            secrets.Select(secret => WebhookSignature.Sign(
                secret, receiver.Received.First().Id, receiver.Received.First().Timestamp, receiver.Received.First().Body)).Order(),
            receiver.Received.Select(received => received.Signature).Order());
    }

    [Fact]
    public async Task A_retry_keeps_it_with_its_secret_or_names_another_one()
    {
        await using var plane = await StartAsync(fixture, s_local);
        await using var receiver = await Receiver.StartAsync();
        var created = await CreatedAsync(plane, Line("a", "no gap") + "\n" + Line("b"), receiver.Url);
        var parent = await RunAsync(plane, Text(created, "id"));
        await TakeAsync(plane);

        var kept = await ReadAsync(await plane.Client.PostAsync($"/v1/batches/{parent.Id}/retry", null));
        using var other = JsonContent.Create(new { webhook = new { url = receiver.Url + "?other" } });
        var changed = await ReadAsync(await plane.Client.PostAsync($"/v1/batches/{parent.Id}/retry", other));
        await RunAsync(plane, Text(kept, "id"));
        await DeliverAsync(plane);

        Assert.Equal(receiver.Url, Text(kept["webhook"]!, "url"));
        Assert.Null(kept["webhook"]!["secret"]);
        var (id, timestamp, signature, body) = Assert.Single(receiver.Received);
        Assert.Equal(WebhookSignature.Sign(Text(created["webhook"]!, "secret"), id, timestamp, body), signature);
        Assert.Equal(receiver.Url + "?other", Text(changed["webhook"]!, "url"));
        Assert.NotEqual(Text(created["webhook"]!, "secret"), Text(changed["webhook"]!, "secret"));
    }

    [Fact]
    public async Task Its_log_goes_with_the_batch()
    {
        await using var plane = await StartAsync(fixture, s_local);
        var created = await CreatedAsync(plane, "nonsense", "http://127.0.0.1:9/hook");
        var batch = await EndAsync(plane, Text(created, "id"));
        await DeliverAsync(plane);
        var shown = await ReadAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}"));
        Assert.Equal("pending", Text(shown["webhook"]!["delivery"]!, "status"));

        (await plane.Client.DeleteAsync($"/v1/batches/{batch.Id}")).EnsureSuccessStatusCode();

        Assert.Empty(await plane.Get<WebhookDeliveries>().Records
            .ListAsync(WebhookDeliveryRecord.Partition(Tenant, batch.Id), after: null, CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task A_secret_that_was_encrypted_with_another_key_is_a_failed_attempt_with_its_reason()
    {
        await using var plane = await StartAsync(fixture, s_local);
        await using var receiver = await Receiver.StartAsync();
        var created = await CreatedAsync(plane, "nonsense", receiver.Url);
        var batch = (await plane.Batches.FindAsync(Tenant, Text(created, "id"), CancellationToken.None))!;
        await plane.Batches.UpdateAsync(batch, current =>
        {
            current.SealedWebhookSecret = Convert.ToBase64String(new byte[60]);
            return true;
        }, CancellationToken.None);

        await EndAsync(plane, batch.Id);
        await DeliverAsync(plane);

        Assert.Empty(receiver.Received);
        var delivery = (await ReadAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}")))["webhook"]!["delivery"]!;
        Assert.Contains("encrypted with another key", Text(delivery, "message"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"url":"http://example.com/hook"}""", "webhook.url")]
    [InlineData("""{"url":"https://169.254.169.254/metadata"}""", "webhook.url")]
    [InlineData("""{"url":"https://user:password@example.com/hook"}""", "webhook.url")]
    [InlineData("""{}""", "webhook.url")]
    [InlineData("""{"url":"https://example.com","events":["fine_tuning.job.failed"]}""", "webhook.events")]
    [InlineData("""{"url":"https://example.com","secret":"mine"}""", "webhook.secret")]
    [InlineData("\"https://example.com\"", "webhook")]
    public async Task One_asked_for_wrongly_is_refused_by_name_and_nothing_is_created(string webhook, string parameter)
    {
        await using var plane = await StartAsync(fixture);
        string file = Text(await plane.UploadAsync(Lines(1)), "id");
        var body = new JsonObject
        {
            ["input_file_id"] = file, ["endpoint"] = "/v1/infill", ["completion_window"] = "24h", ["webhook"] = JsonNode.Parse(webhook),
        };

        await AssertErrorAsync(await plane.Client.PostAsJsonAsync("/v1/batches", body), HttpStatusCode.BadRequest, parameter);
        Assert.Empty(await plane.Batches.Records.ListAsync(Tenant, after: null, CancellationToken.None).ToListAsync());
    }

    private static async Task<JsonNode> CreatedAsync(ControlPlane plane, string input, string url, params string[] events)
    {
        string file = Text(await plane.UploadAsync(input), "id");
        var body = new
        {
            input_file_id = file,
            endpoint = "/v1/infill",
            completion_window = "24h",
            webhook = new { url, events = events.Length == 0 ? null : events },
        };
        return await ReadAsync(await plane.Client.PostAsJsonAsync("/v1/batches", body));
    }

    private static async Task<BatchRecord> EndAsync(ControlPlane plane, string id)
    {
        var batch = (await plane.Batches.FindAsync(Tenant, id, CancellationToken.None))!;
        await plane.PlanAsync(batch);
        return await plane.ReloadAsync(batch);
    }

    /// <summary>Runs a batch of one shard, whose first line fails.</summary>
    private static async Task<BatchRecord> RunAsync(ControlPlane plane, string id)
    {
        var batch = await EndAsync(plane, id);
        await plane.AnswerAsync(batch, 0, isError: line => line == 1);
        await plane.FinishAsync(batch);
        return await plane.ReloadAsync(batch);
    }
}
