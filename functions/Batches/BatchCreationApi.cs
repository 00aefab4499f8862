using LLaDA.Batch.Functions.Batches.Checks;
using LLaDA.Batch.Functions.Batches.Documents;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary><c>POST /v1/batches</c>: over a file, over a folder of documents, or over requests that the body holds.</summary>
internal static class BatchCreationApi
{
    public static void Map(IEndpointRouteBuilder v1) => v1.MapPost("/batches", CreateAsync);

    private static async Task<IResult> CreateAsync(
        HttpContext context,
        FileStore files,
        BlobFolders folders,
        NewBatches newBatches,
        BatchCheck check,
        BatchView view,
        BatchWebhooks webhooks,
        AllowedPriority priorities,
        TimeProvider time)
    {
        var cancellation = context.RequestAborted;
        var body = await JsonBody.ReadAsync(context.Request, cancellation, InlineRequests.MaxRequestsBytes);
        var asked = NewBatch.Read(body, webhooks);
        var requests = InlineRequests.Read(body, asked.Endpoint);
        var expiresAt = time.GetUtcNow() + asked.Window;
        var documents = await DocumentRequest.ReadAsync(body, asked.Endpoint, folders, context.Tenant(), expiresAt, cancellation);
        string? inputId = documents is null && requests is null ? body.Text("input_file_id") : null;
        body.RequireNothingElse();
        var input = inputId is null ? null : await FindInputAsync(inputId, context, files);
        var batch = new BatchRecord
        {
            PartitionKey = context.Tenant(),
            RowKey = context.NewKey(time),
            Endpoint = asked.Endpoint,
            InputFileId = input?.Id,
            InputFolder = documents?.Input.ToJson(),
            OutputFolder = documents?.Output.ToJson(),
            DocumentBody = documents?.Body,
            WithoutGaps = documents?.WithoutGaps.WireName(),
            CompletionWindow = asked.CompletionWindow,
            Priority = await priorities.OfAsync(context, asked.Priority, BatchPriority.Normal),
            Metadata = asked.Metadata,
            OutputSeconds = (int?)asked.OutputExpiresAfter?.TotalSeconds,
            ExpiresAt = expiresAt,
        };
        webhooks.Set(batch, asked.Webhook);
        if (requests is null)
        {
            return asked.IsDryRun
                ? Results.Wire(await check.RunAsync(batch, cancellation))
                : Results.Wire(await view.OfNewAsync(await newBatches.AddAsync(batch, input?.Bytes ?? 0, cancellation), cancellation));
        }
        var (outcome, fault) = await check.RunAsync(batch, requests, cancellation);
        if (asked.IsDryRun)
            return Results.Wire(outcome);
        if (fault is not null)
            throw InlineRequests.Fault(fault);
        var added = await newBatches.AddAsync(batch, "requests.jsonl", requests.ToAsyncEnumerable(), cancellation);
        return Results.Wire(await view.OfNewAsync(added!, cancellation));
    }

    private static async Task<FileRecord> FindInputAsync(string id, HttpContext context, FileStore files)
    {
        var input = await files.FindAsync(context.Tenant(), id, context.RequestAborted)
            ?? throw ApiException.InvalidRequest($"No such file: {Excerpt.Of(id)}", "input_file_id", "file_not_found");
        if (input.Purpose == FilePurpose.Batch)
            return input;
        throw ApiException.InvalidRequest(
            $"The file has the purpose '{input.Purpose}'; a batch needs one with the purpose '{FilePurpose.Batch}'",
            "input_file_id",
            "invalid_purpose");
    }
}
