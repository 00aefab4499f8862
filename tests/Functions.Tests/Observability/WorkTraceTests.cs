using System.Diagnostics;
using System.Net;
using LLaDA.Batch.Functions.Tests.Webhooks;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.FineTuning.Trainings;
using static LLaDA.Batch.Functions.Tests.Webhooks.WebhookTests;

namespace LLaDA.Batch.Functions.Tests.Observability;

/// <summary>The spans of what no request does: webhooks and the firing of schedules.</summary>
[Collection("Spans")]     // a listener hears all requests of the process
public sealed class WorkTraceTests(StorageFixture fixture)
{
    private const string AspNetCore = "Microsoft.AspNetCore", Secret = "nobody-may-read-this";

    [Theory]
    [InlineData("batch")]
    [InlineData("job")]
    public async Task Each_attempt_at_a_webhook_is_a_span_of_its_jobs_trace_and_a_failed_one_a_retry(string kind)
    {
        using var telemetry = new RecordedTelemetry(AspNetCore);
        await using var plane = await StartAsync(fixture, ("Webhooks:AllowLocal", "true"), ("Webhooks:TriesPerAttempt", "1"));
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = () => receiver.Received.Count == 1 ? HttpStatusCode.InternalServerError : HttpStatusCode.OK;
        var endpoint = await WebhookTests.CreatedAsync(
            plane, $$"""{"url":"{{receiver.Url}}?token={{Secret}}","events":["batch.failed","fine_tuning.job.failed"]}""");
        using var client = telemetry.BeginRequest();
        plane.Client.DefaultRequestHeaders.Add("traceparent", client.Id);
        client.Stop();
        var (id, parent) = await FailedAsync(plane, kind);
        var message = Assert.Single(await TakeAsync(plane));
        double retries = telemetry.Sum(Telemetry.Retries, "webhook", "failed");

        foreach (int attempt in new[] { 0, 1 })
        {
            Activity.Current = null;    // a host takes it from the queue
            await plane.Get<Functions.Webhooks.DeliverWebhookHandler>()
                .RunAsync(message with { Attempt = attempt }, CancellationToken.None);
        }

        var spans = telemetry.SpansOf(client.TraceId).Where(span => span.OperationName == "webhook").ToList();
        Assert.Equal(2, spans.Count);
        Assert.All(spans, span =>
            Assert.Equal(
                (parent, ActivityKind.Consumer, id, "done"),
                (span.ParentId, span.Kind, span.GetTagItem(Telemetry.Job), span.GetTagItem(Telemetry.Outcome))));
        Assert.True(telemetry.Sum(Telemetry.Retries, "webhook", "failed") >= retries + 1);
        Assert.True(telemetry.Sum(Telemetry.WorkDuration, "webhook", "done") > 0);
        string secret = endpoint["secret"]!.GetValue<string>();
        Assert.All(spans.Select(RecordedTelemetry.TextOf).Concat(telemetry.Attributes), text =>
        {
            Assert.DoesNotContain(Secret, text, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, text, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task The_firing_of_a_schedule_begins_the_trace_of_its_job_and_that_of_the_request_has_nothing_of_it()
    {
        using var telemetry = new RecordedTelemetry(AspNetCore);
        await using var plane = await Schedules.Scheduling.StartedAsync(fixture);
        await Schedules.Scheduling.UploadAsync(plane, "in/a.jsonl");
        using var client = telemetry.BeginRequest();
        plane.Client.DefaultRequestHeaders.Add("traceparent", client.Id);
        client.Stop();
        await Schedules.Scheduling.CreatedAsync(plane);

        Activity.Current = null;        // a timer fires
        await Schedules.Scheduling.FireAsync(plane);
        var job = await Schedules.Scheduling.LastJobAsync(plane);
        await PlanAsync(plane, job);

        var trace = ActivityContext.Parse(job.TraceParent!, traceState: null).TraceId;
        var spans = telemetry.SpansOf(trace);
        Assert.Equal(["schedule", "plan-training"], spans.Select(span => span.OperationName));
        Assert.All(spans, span => Assert.Equal(job.Id, span.GetTagItem(Telemetry.Job)));
        Assert.Equal((job.TraceParent, null, job.TraceParent), (spans[0].Id, spans[0].ParentId, spans[1].ParentId));
        Assert.DoesNotContain(telemetry.SpansOf(client.TraceId), span => span.OperationName is "schedule" or "plan-training");
    }

    /// <returns>The id, and the span of the request that created it.</returns>
    private static async Task<(string Id, string? TraceParent)> FailedAsync(ControlPlane plane, string kind)
    {
        if (kind == "batch")
        {
            var batch = await plane.PlannedAsync("nonsense");
            return (batch.Id, batch.TraceParent);
        }
        var job = await PlannedAsync(plane, "nonsense");
        Assert.Equal(FineTuningStatus.Failed, job.Status);
        return (job.Id, job.TraceParent);
    }
}
