using System.Text;
using System.Text.Json.Nodes;
using Azure;
using Azure.Storage.Sas;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Queues;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Observability;

[Collection("Spans")]     // a listener hears all requests of the process
public sealed class LogTests(StorageFixture fixture)
{
    private const string Secret = "nobody may read this";

    [Fact]
    public async Task Nothing_that_a_line_says_and_no_key_is_logged()
    {
        var log = new RecordingLog();
        await using var plane = await StartAsync(
            fixture, services =>
                services.AddLogging(logging => logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Trace)),
                ("Logging:LogLevel:Default", "Trace"));
        var batch = await plane.PlannedAsync(Lines(2, Secret + " [MASK:1]"));
        await plane.AnswerAsync(batch, 0);
        await plane.FinishAsync(batch);
        await plane.PlannedAsync($"{Secret}\n{Line(Secret, Secret, Secret, Secret)}\n");
        _ = await plane.Client.GetAsync("/v1/batches?after=nothing");

        Assert.Contains(log.Entries, entry => entry.Contains("is planned", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Entries, entry => entry.Contains(Secret, StringComparison.Ordinal));
        Assert.DoesNotContain(
            log.Entries, entry => entry.Contains(plane.Client.DefaultRequestHeaders.Authorization!.Parameter!, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Information")]
    [InlineData("Trace")]
    public async Task A_key_in_a_query_string_is_refused_and_in_no_log_and_no_span(string level)
    {
        var log = new RecordingLog();
        using var telemetry = new RecordedTelemetry("Microsoft.AspNetCore");
        await using var plane = await StartAsync(
            fixture, services =>
                services.AddLogging(logging => logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Trace)),
                ("Logging:LogLevel:Default", level));
        string key = plane.Client.DefaultRequestHeaders.Authorization!.Parameter!;
        using var client = plane.NewClientWithoutKey();
        using var request = telemetry.BeginRequest();
        client.DefaultRequestHeaders.Add("traceparent", request.Id);
        request.Stop();

        foreach (string name in new[] { "api-key", "api_key", "key", "code", "access_token" })
        {
            using var answer = await client.GetAsync($"/v1/files?{name}={key}");
            Assert.Equal(401, (int)answer.StatusCode);
            _ = await plane.Client.GetAsync($"/v1/files?{name}={key}");
        }

        Assert.NotEmpty(telemetry.SpansOf(request.TraceId));
        Assert.All(telemetry.SpansOf(request.TraceId), span =>
            Assert.DoesNotContain(key, RecordedTelemetry.TextOf(span), StringComparison.Ordinal));
        Assert.All(log.Entries, entry => Assert.DoesNotContain(key, entry, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_signature_is_in_no_log_no_answer_and_no_error_also_when_its_folder_cannot_be_used()
    {
        var log = new RecordingLog();
        await using var plane = await StartAsync(
            fixture, services =>
                services.AddLogging(logging => logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Trace)),
                ("Logging:LogLevel:Default", "Trace"));
        var container = plane.Storage.Container("shared");
        await container.CreateAsync();
        await container.GetBlobClient("in/a.txt").UploadAsync(BinaryData.FromString("a [MASK:1]"));
        string good = container.GenerateSasUri(BlobContainerSasPermissions.All, plane.Time.GetUtcNow().AddDays(3)).Query, ended =
            container.GenerateSasUri(BlobContainerSasPermissions.All, plane.Time.GetUtcNow().AddHours(1)).Query;
        const string forged = "bm9ib2R5IG1heSByZWFkIHRoaXM=";
        string wrong = $"{good[..good.IndexOf("sig=", StringComparison.Ordinal)]}sig={Uri.EscapeDataString(forged)}";
        List<string> seen = [];

        foreach (var (input, output, status) in new[]
            { (ended, good, 400), (good, ended, 400), (wrong, good, 200), (good, wrong, 200), (good, good, 200) })
        {
            string request = $$$"""
                {"endpoint":"/v1/infill","completion_window":"24h","body":{"model":"{{{Model}}}"},
                 "input_blobs":{"url":"{{{container.Uri}}}/in{{{input}}}"},"output_blobs":{"url":"{{{container.Uri}}}/out{{{output}}}"}}
                """;
            using var body = new StringContent(request, Encoding.UTF8, "application/json");
            using var answer = await plane.Client.PostAsync("/v1/batches", body);
            seen.Add(await answer.Content.ReadAsStringAsync());
            Assert.Equal(status, (int)answer.StatusCode);
            if (status == 200)
                await plane.PlanAsync(
                    (await plane.Batches.FindAsync(Tenant, JsonNode.Parse(seen[^1])!["id"]!.GetValue<string>(), CancellationToken.None))!);
        }
        var last = (await plane.Batches.FindAsync(Tenant, JsonNode.Parse(seen[^1])!["id"]!.GetValue<string>(), CancellationToken.None))!;
        await plane.AnswerAsync(last, 0, isError: _ => true);
        await container.DeleteAsync();
        var failure = await Assert.ThrowsAsync<RequestFailedException>(() => plane.FinishAsync(last));
        seen.Add($"{failure}");     // as a queue's consumer logs it
        plane.Time.Advance(TimeSpan.FromHours(1));
        await plane.Get<FinishBatchHandler>().GiveUpAsync(new FinishMessage(last.Tenant, last.RowKey), CancellationToken.None);
        seen.Add(await plane.Client.GetStringAsync("/v1/batches"));

        Assert.Equal(3, seen[^1].Split("\"status\":\"failed\"").Length - 1);
        Assert.Contains("folder_not_accessible", seen[^1], StringComparison.Ordinal);
        string[] signatures = [
            .. new[] { good, ended, wrong }.Select(query => query[(query.IndexOf("sig=", StringComparison.Ordinal) + 4)..].Split('&')[0])];
        Assert.All(seen.Concat(log.Entries), text =>
        {
            Assert.DoesNotContain("sig=", text, StringComparison.Ordinal);
            Assert.All(
                signatures.Concat(signatures.Select(Uri.UnescapeDataString)), signature =>
                    Assert.DoesNotContain(signature, text, StringComparison.Ordinal));
        });
    }
}
