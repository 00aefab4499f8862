using System.Text.Json;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Lines;

/// <summary>The parameters of <c>POST /v1/batches/{id}/retry</c>; all of them may be left out.</summary>
/// <param name="Codes">The errors whose lines are run again; null is all failed lines.</param>
/// <param name="Window">As the client wrote it; null is that of the parent, likewise the others below.</param>
/// <param name="Metadata">A JSON object of strings.</param>
internal sealed record RetryRequest(
    IReadOnlySet<string>? Codes, string? Window, string? Metadata, BatchPriority? Priority, WebhookRequest? Webhook)
{
    private const int MaxCodes = 100;

    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static RetryRequest Read(JsonReader body, BatchWebhooks webhooks)
    {
        var codes = body.Find("codes");
        if (codes is { } array && !IsListOfNames(array))
            throw body.Invalid("codes", $"must be a list of 1 to {MaxCodes} codes, such as batch_expired");
        string? window = body.OptionalText("completion_window");
        if (window is not null)
            _ = CompletionWindow.Read(body, window);
        string? metadata = Http.Metadata.Read(body);
        var priority = body.Choice<BatchPriority>("priority");
        var webhook = webhooks.Read(body);
        body.RequireNothingElse();
        var chosen = codes?.EnumerateArray().Select(code => code.GetString()!).ToHashSet();
        return new RetryRequest(chosen, window, metadata, priority, webhook);
    }

    private static bool IsListOfNames(JsonElement codes) =>
        codes.ValueKind == JsonValueKind.Array
        && codes.GetArrayLength() is >= 1 and <= MaxCodes
        && codes.EnumerateArray().All(code => code.ValueKind == JsonValueKind.String);
}
