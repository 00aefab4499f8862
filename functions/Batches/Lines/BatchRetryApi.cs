using System.Runtime.CompilerServices;
using System.Text.Json;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Lines;

/// <summary>
/// <c>/v1/batches/{id}/retry</c>: a new batch with the failed lines of an ended one, under the same custom ids and in the same order. The
/// ended batch stays as it is.
/// </summary>
internal static class BatchRetryApi
{
    public static void Map(IEndpointRouteBuilder v1) => v1.MapPost("/batches/{id}/retry", RetryAsync);

    private static async Task<IResult> RetryAsync(
        string id,
        HttpContext context,
        BatchStore batches,
        LineResults results,
        NewBatches newBatches,
        BatchView view,
        BatchWebhooks webhooks,
        AllowedPriority priorities,
        TimeProvider time)
    {
        var stop = context.RequestAborted;
        var asked = RetryRequest.Read(await JsonBody.ReadOptionalAsync(context.Request, stop), webhooks);
        var parent = await BatchesApi.FindAsync(id, context, batches);
        RequireRetryable(parent);
        string window = asked.Window ?? parent.CompletionWindow;
        var retry = new BatchRecord
        {
            PartitionKey = parent.Tenant,
            RowKey = context.NewKey(time),
            ParentKey = parent.RowKey,
            Endpoint = parent.Endpoint,
            InputFolder = parent.InputFolder,
            OutputFolder = parent.OutputFolder,
            DocumentBody = parent.DocumentBody,
            WithoutGaps = parent.WithoutGaps,
            CompletionWindow = window,
            Priority = await priorities.OfAsync(context, asked.Priority, parent.Priority),
            Metadata = asked.Metadata ?? parent.Metadata,
            OutputSeconds = parent.OutputSeconds,
            ExpiresAt = time.GetUtcNow() + CompletionWindow.Parse(window)!.Value,
        };
        BatchWebhooks.Inherit(retry, parent);
        webhooks.Set(retry, asked.Webhook);
        var lines = FailedAsync(await results.OpenAsync(parent, after: 0, stop), asked, stop);
        var added = await newBatches.AddAsync(retry, $"{parent.Id}_retry.jsonl", Requests(lines, parent.Endpoint), stop)
            ?? throw ApiException.Conflict(NothingFailed(parent, asked), "nothing_to_retry");
        return Results.Wire(await (asked.Webhook is null ? view.OfAsync(added, stop) : view.OfNewAsync(added, stop)));
    }

    private static void RequireRetryable(BatchRecord parent)
    {
        if (!parent.IsTerminal)
        {
            throw ApiException.Conflict(
                $"The batch is {parent.Status.WireName()}; its failed lines can be run again once it has ended", "not_ended");
        }
        if (parent.InputFolder is { } folder && BlobFolder.FromJson(folder).Container is null)
        {
            throw ApiException.Conflict(
                "The folder of the batch came as a URL, whose signature covers that batch only; create a new batch over the folder",
                "not_retryable");
        }
    }

    private static string NothingFailed(BatchRecord parent, RetryRequest asked) =>
        asked.Codes is null || parent.FailedLines == 0
            ? "No line of the batch failed"
            : $"No failed line of the batch has one of these codes; it has {string.Join(
                ", ", ErrorCounts.Parse(parent.ErrorCounts).ToDictionary().Keys)}";

    private static async IAsyncEnumerable<LineResult> FailedAsync(
        IAsyncEnumerable<LineResult> lines, RetryRequest asked, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var line in lines.WithCancellation(cancellation))
        {
            if (line.Status == LineStatus.Failed && asked.Codes?.Contains(line.ErrorCode) != false)
                yield return line;
        }
    }

    /// <summary>The lines as a client would have written them. A document has no body: the folder's holds for all.</summary>
    private static IAsyncEnumerable<ReadOnlyMemory<byte>> Requests(IAsyncEnumerable<LineResult> lines, string endpoint) =>
        lines.Select(line => (ReadOnlyMemory<byte>)JsonSerializer.SerializeToUtf8Bytes(
            new BatchRequestLine(line.CustomId, "POST", endpoint, line.Input), WireJson.Options));
}
