using System.Net;
using System.Text.Json.Nodes;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.DependencyInjection;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.FineTuning.Trainings;
using static LLaDA.Batch.Functions.Tests.Webhooks.WebhookTests;

namespace LLaDA.Batch.Functions.Tests.Webhooks;

/// <summary>The ends of fine-tuning jobs are told as those of batches are.</summary>
public sealed class FineTuningWebhookTests(StorageFixture fixture)
{
    [Theory]
    [InlineData("succeeded")]
    [InlineData("failed")]
    [InlineData("cancelled")]
    public async Task The_end_of_a_job_is_told_once_with_a_signature_that_the_secret_explains(string end)
    {
        await using var plane = await StartAsync(fixture, ("Webhooks:AllowLocal", "true"), ("Webhooks:TriesPerAttempt", "1"));
        await using var receiver = await Receiver.StartAsync();
        var endpoint = await WebhookTests.CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}","events":["fine_tuning.job.{{end}}"]}""");
        await WebhookTests.CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}?batches","events":["batch.completed","batch.failed"]}""");
        var job = await EndedAsync(plane, end);
        plane.Time.Advance(TimeSpan.FromSeconds(5));

        await DeliverAsync(plane);
        await FinishAsync(plane, job);      // the message comes again
        await plane.Get<FineTuningSweep>().RunAsync(CancellationToken.None);

        var (id, timestamp, signature, body) = Assert.Single(receiver.Received);
        Assert.Equal(WebhookSignature.Sign(endpoint["secret"]!.GetValue<string>(), id, timestamp, body), signature);
        var told = JsonNode.Parse(body)!;
        var expected = new JsonObject
        {
            ["id"] = $"evt_{job.RowKey}",
            ["type"] = $"fine_tuning.job.{end}",
            ["created_at"] = job.FinishedAt!.Value.ToUnixTimeSeconds(),
            ["data"] = new JsonObject { ["id"] = job.Id },
            ["object"] = "event",
        };
        Assert.True(JsonNode.DeepEquals(expected, told), body);
        Assert.Equal(expected["id"]!.GetValue<string>(), id);
        Assert.Equal(0, await plane.CountAsync(StorageNames.WebhookQueue));
    }

    [Fact]
    public async Task A_process_that_dies_between_the_record_and_the_message_has_the_end_told_by_the_sweep()
    {
        var failing = new FailingOnce();
        string connection = fixture.NewConnectionString();
        await using var plane = await StartAsync(
            fixture, services =>
                services.AddSingleton(
                    new StorageAccount(
                        new StorageOptions { ConnectionString = connection }, options =>
                            options.AddPolicy(failing, HttpPipelinePosition.PerCall))),
            ("Webhooks:AllowLocal", "true"));
        await WebhookTests.CreatedAsync(plane, """{"url":"https://example.com"}""");
        var job = await PlannedAsync(plane);

        failing.Path = $"/{StorageNames.WebhookQueue}/messages";
        using (var answer = await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{job.Id}/cancel", content: null))
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal(FineTuningStatus.Cancelled, (await FindAsync(plane, job.Id)).Status);
        Assert.Empty(await TakeAsync(plane));
        await plane.Get<FineTuningSweep>().RunAsync(CancellationToken.None);

        var message = Assert.Single(await TakeAsync(plane));
        Assert.Equal((null, job.RowKey), (message.Batch, message.Job));
        await plane.Get<FineTuningSweep>().RunAsync(CancellationToken.None);
        Assert.Empty(await TakeAsync(plane));
    }

    [Fact]
    public async Task An_end_that_a_worker_wrote_and_did_not_tell_of_is_told_by_the_sweep()
    {
        await using var plane = await StartAsync(fixture, ("Webhooks:AllowLocal", "true"));
        await WebhookTests.CreatedAsync(plane, """{"url":"https://example.com"}""");
        var job = await TrainAsync(plane, await PlannedAsync(plane), step: 3);
        await plane.Get<FineTuningStore>().UpdateRunAsync(
            job, current =>
                current.TryFailRun(job.RunNumber, new("training_diverged", "It diverged"), plane.Time.GetUtcNow()), CancellationToken.None);

        await plane.Get<FineTuningSweep>().RunAsync(CancellationToken.None);

        Assert.Equal(job.RowKey, Assert.Single(await TakeAsync(plane)).Job);
    }

    private static async Task<FineTuningJobRecord> EndedAsync(ControlPlane plane, string end)
    {
        var job = await PlannedAsync(plane, end == "failed" ? "nonsense" : null);
        if (end == "cancelled")
            (await plane.Client.PostAsync($"/v1/fine_tuning/jobs/{job.Id}/cancel", content: null)).EnsureSuccessStatusCode();
        if (end == "succeeded")
            await FinishAsync(plane, await TrainAsync(plane, job));
        return await FindAsync(plane, job.Id);
    }

    /// <summary>Fails one request to a path.</summary>
    private sealed class FailingOnce : HttpPipelinePolicy
    {
        public string? Path { get; set; }

        public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) => ProcessNext(message, pipeline);

        public override ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
        {
            if (Path is null || !message.Request.Uri.Path.EndsWith(Path, StringComparison.Ordinal))
                return ProcessNextAsync(message, pipeline);
            Path = null;
            throw new IOException("Dead");
        }
    }
}
