using System.Text;
using Azure.Storage.Sas;
using LLaDA.Batch.Functions.Monitoring;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Observability;

[Collection("Spans")]     // a listener hears all requests of the process
public sealed class RequestTraceTests(StorageFixture fixture)
{
    private const string AspNetCore = "Microsoft.AspNetCore", Secret = "nobody may read this";

    [Fact]
    public async Task A_clients_trace_holds_its_request_and_the_plan_and_the_finish_of_its_batch()
    {
        using var telemetry = new RecordedTelemetry(AspNetCore);
        await using var plane = await StartAsync(fixture);
        using var client = telemetry.BeginRequest();
        plane.Client.DefaultRequestHeaders.Add("traceparent", client.Id);
        client.Stop();

        var batch = await plane.PlannedAsync(Lines(2, Secret + " [MASK:1]"));
        await plane.AnswerAsync(batch, 0);
        await plane.FinishAsync(batch);

        var spans = telemetry.SpansOf(client.TraceId);
        var created = spans.Single(span => span.Id == batch.TraceParent);
        Assert.StartsWith("req_", (string?)created.GetTagItem(Telemetry.RequestId), StringComparison.Ordinal);
        Assert.Equal(["plan", "finish"], spans.Where(span => span.ParentSpanId == created.SpanId).Select(span => span.OperationName));
        string key = plane.Client.DefaultRequestHeaders.Authorization!.Parameter!;
        Assert.All(spans.Select(RecordedTelemetry.TextOf), text =>
        {
            Assert.DoesNotContain(Secret, text, StringComparison.Ordinal);
            Assert.DoesNotContain(key, text, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_signed_URL_is_in_no_span()
    {
        using var telemetry = new RecordedTelemetry(AspNetCore);
        await using var plane = await StartAsync(fixture);
        var container = plane.Storage.Container("documents");
        await container.CreateIfNotExistsAsync(cancellationToken: TestContext.Current.CancellationToken);
        await container.GetBlobClient("in/a.txt")
            .UploadAsync(BinaryData.FromString(Secret + " [MASK:1]"), TestContext.Current.CancellationToken);
        string query = container.GenerateSasUri(BlobContainerSasPermissions.All, plane.Time.GetUtcNow().AddDays(3)).Query;
        using var client = telemetry.BeginRequest();
        plane.Client.DefaultRequestHeaders.Add("traceparent", client.Id);
        client.Stop();
        string request = $$$"""
            {"endpoint":"/v1/infill","completion_window":"24h","body":{"model":"{{{Model}}}"},
             "input_blobs":{"url":"{{{container.Uri}}}/in{{{query}}}"},"output_blobs":{"url":"{{{container.Uri}}}/out{{{query}}}"}}
            """;
        using var body = new StringContent(request, Encoding.UTF8, "application/json");

        string id = (await ReadAsync(await plane.Client.PostAsync("/v1/batches", body)))["id"]!.GetValue<string>();
        await plane.PlanAsync((await plane.Batches.FindAsync(Tenant, id, CancellationToken.None))!);

        string signature = query[query.IndexOf("sig=", StringComparison.Ordinal)..].Split('&')[0];
        var spans = telemetry.SpansOf(client.TraceId);
        Assert.Contains(spans, span => span.OperationName == "plan");
        Assert.All(spans.Select(RecordedTelemetry.TextOf), text =>
        {
            Assert.DoesNotContain(signature, text, StringComparison.Ordinal);
            Assert.DoesNotContain(Secret, text, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task The_age_of_a_queue_is_that_of_its_oldest_message()
    {
        using var telemetry = new RecordedTelemetry();
        await using var plane = await StartAsync(fixture);
        await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));
        plane.Time.Advance(TimeSpan.FromDays(400));

        await plane.Get<QueueMetrics>().RunAsync(CancellationToken.None);

        Assert.True(telemetry.Sum(Telemetry.QueueAge, StorageNames.PlanQueue) > TimeSpan.FromDays(399).TotalSeconds);
        Assert.Contains($"{Telemetry.Queue}={StorageNames.PoisonQueue(StorageNames.FinishQueue)}", telemetry.Attributes);
    }
}
