using Azure.Identity;
using Azure.Monitor.OpenTelemetry.Exporter;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace LLaDA.Batch.Functions.Hosting;

/// <summary>Sends traces, metrics and logs to a collector, and traces and metrics to Application Insights, where the environment names them; otherwise nothing is collected.</summary>
internal static class TelemetryExport
{
    /// <summary>OpenTelemetry's own setting; its others (protocol, headers, sampler, ...) hold as well.</summary>
    public const string CollectorSetting = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Application Insights is reached by the identity that reaches storage.</summary>
    public const string InsightsSetting = "APPLICATIONINSIGHTS_CONNECTION_STRING";

    /// <summary>The invocations of Azure Functions: the spans in which its requests run.</summary>
    private const string FunctionsSource = "Microsoft.Azure.Functions.Worker";

    public static void AddTelemetryExport(this IServiceCollection services, IConfiguration configuration, StorageOptions storage)
    {
        string? insights = configuration[InsightsSetting];
        bool hasCollector = !string.IsNullOrEmpty(configuration[CollectorSetting]), hasInsights = !string.IsNullOrEmpty(insights);
        if (!hasCollector && !hasInsights)
            return;
        void ToInsights(AzureMonitorExporterOptions options) => (options.ConnectionString, options.Credential) =
            (insights, storage.ClientId is { Length: > 0 } id ? new ManagedIdentityCredential(ManagedIdentityId.FromUserAssignedClientId(id)) : null);
        var telemetry = services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(configuration["OTEL_SERVICE_NAME"] ?? "llada-functions"))
            .WithTracing(tracing =>
            {
                tracing.AddSource(Telemetry.Name, FunctionsSource).AddAspNetCoreInstrumentation();
                if (hasInsights)
                    tracing.AddAzureMonitorTraceExporter(ToInsights);
            })
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(Telemetry.Name);
                if (hasInsights)
                    metrics.AddAzureMonitorMetricExporter(ToInsights);
            });
        if (hasCollector)
            telemetry.UseOtlpExporter();
    }
}
