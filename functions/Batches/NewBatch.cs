using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>The parameters of <c>POST /v1/batches</c> that files and folders have in common, checked.</summary>
internal sealed record NewBatch
{
    public required string Endpoint { get; init; }

    /// <summary>The completion window as the client wrote it.</summary>
    public required string CompletionWindow { get; init; }

    public required TimeSpan Window { get; init; }

    /// <summary>A JSON object of strings, or null.</summary>
    public string? Metadata { get; init; }

    /// <summary>Whether the input is only to be checked: nothing is created.</summary>
    public bool IsDryRun { get; init; }

    /// <summary>How long the results are kept; null leaves it to the service.</summary>
    public TimeSpan? OutputExpiresAfter { get; init; }

    /// <summary>Null where the client names none.</summary>
    public BatchPriority? Priority { get; init; }

    /// <summary>What is called at its end; null for nothing.</summary>
    public WebhookRequest? Webhook { get; init; }

    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static NewBatch Read(JsonReader body, BatchWebhooks webhooks)
    {
        string endpoint = body.Text("endpoint");
        RequireEndpoint(body, endpoint);
        string window = body.Text("completion_window");
        return new NewBatch
        {
            Endpoint = endpoint,
            CompletionWindow = window,
            Window = Batches.CompletionWindow.Read(body, window),
            IsDryRun = body.Flag("dry_run") ?? false,
            Metadata = Http.Metadata.Read(body),
            OutputExpiresAfter = ExpiresAfter.Read(body.Object("output_expires_after")),
            Priority = body.Choice<BatchPriority>("priority"),
            Webhook = webhooks.Read(body),
        };
    }

    /// <exception cref="ApiException">400: there is no such endpoint of batches.</exception>
    public static void RequireEndpoint(JsonReader body, string endpoint)
    {
        if (!BatchEndpoint.All.Contains(endpoint))
            throw body.Invalid("endpoint", $"must be one of {string.Join(", ", BatchEndpoint.All)}, not '{Excerpt.Of(endpoint)}'");
    }
}
