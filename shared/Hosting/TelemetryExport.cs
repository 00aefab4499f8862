using Azure.Identity;
using Azure.Monitor.OpenTelemetry.Exporter;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace LLaDA.Batch.Hosting;

/// <summary>
/// Exports traces, metrics and logs to a collector, and traces and metrics to Application Insights, if the environment names them.
/// Without either nothing is collected.
/// </summary>
public static class TelemetryExport
{
    /// <summary>OpenTelemetry's own setting; its others (protocol, headers, sampler, ...) apply as well.</summary>
    public const string CollectorSetting = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Application Insights is accessed with the identity that accesses storage.</summary>
    public const string InsightsSetting = "APPLICATIONINSIGHTS_CONNECTION_STRING";

    /// <param name="name">The service's name where <c>OTEL_SERVICE_NAME</c> gives none.</param>
    /// <param name="configureTracing">Adds the host's own sources of spans.</param>
    public static void AddTelemetryExport(
        this IServiceCollection services,
        IConfiguration configuration,
        StorageOptions storage,
        string name,
        Action<TracerProviderBuilder>? configureTracing = null)
    {
        string? insights = configuration[InsightsSetting];
        bool hasCollector = !string.IsNullOrEmpty(configuration[CollectorSetting]), hasInsights = !string.IsNullOrEmpty(insights);
        if (!hasCollector && !hasInsights)
            return;
        void ToInsights(AzureMonitorExporterOptions options) =>
            (options.ConnectionString, options.Credential) = (insights, Credential(storage));
        var telemetry = services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(configuration["OTEL_SERVICE_NAME"] ?? name))
            .WithTracing(tracing =>
            {
                tracing.AddSource(Telemetry.Name);
                configureTracing?.Invoke(tracing);
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

    private static ManagedIdentityCredential? Credential(StorageOptions storage) =>
        storage.ClientId is { Length: > 0 } id ? new ManagedIdentityCredential(ManagedIdentityId.FromUserAssignedClientId(id)) : null;
}
