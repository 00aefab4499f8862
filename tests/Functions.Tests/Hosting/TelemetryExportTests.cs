using System.Collections.Concurrent;
using System.Text;
using LLaDA.Batch.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Hosting;

[Collection("Spans")]     // a listener hears all requests of the process
public sealed class TelemetryExportTests(StorageFixture fixture)
{
    [Fact]
    public async Task Without_a_collector_nothing_is_collected()
    {
        await using var plane = await StartAsync(fixture);

        Assert.Null(plane.Get<IServiceProvider>().GetService<TracerProvider>());
        Assert.Null(plane.Get<IServiceProvider>().GetService<MeterProvider>());
    }

    [Fact]
    public async Task A_collector_gets_traces_and_metrics()
    {
        var received = new ConcurrentDictionary<string, string>();
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var collector = builder.Build();
        collector.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body, Encoding.Latin1);
            string body = await reader.ReadToEndAsync();
            received.AddOrUpdate(context.Request.Path, body, (_, before) => before + body);
            context.Response.ContentType = "application/x-protobuf";
        });
        await collector.StartAsync(TestContext.Current.CancellationToken);

        await using (var plane = await StartAsync(
            fixture, (TelemetryExport.CollectorSetting, collector.Urls.Single()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")))
        {
            var batch = await plane.PlannedAsync(Lines(1));
            await plane.AnswerAsync(batch, 0);
            await plane.FinishAsync(batch);
            plane.Get<TracerProvider>().ForceFlush();
            plane.Get<MeterProvider>().ForceFlush();
            Assert.Contains(batch.Id, received["/v1/traces"], StringComparison.Ordinal);
        }

        Assert.Contains("llada-functions", received["/v1/traces"], StringComparison.Ordinal);
        Assert.Contains("llada.lines", received["/v1/metrics"], StringComparison.Ordinal);
    }
}
