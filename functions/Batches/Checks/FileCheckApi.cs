using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Checks;

/// <summary><c>/v1/files/{id}/check</c>: what a batch over a file would meet.</summary>
internal static class FileCheckApi
{
    public static void Map(IEndpointRouteBuilder v1) => v1.MapPost("/files/{id}/check", CheckAsync);

    private static async Task<IResult> CheckAsync(
        string id, HttpContext context, FileStore files, BatchCheck check, ServiceLimits limits)
    {
        var stop = context.RequestAborted;
        var body = await JsonBody.ReadOptionalAsync(context.Request, stop);
        string? endpoint = body.OptionalText("endpoint");
        if (endpoint is not null)
            NewBatch.RequireEndpoint(body, endpoint);
        body.RequireNothingElse();
        var file = await files.FindAsync(context.Tenant(), id, stop) ?? throw ApiException.NotFound($"file: {id}");
        if (file.Purpose != FilePurpose.Batch)
        {
            throw ApiException.InvalidRequest(
                $"The file has the purpose '{file.Purpose}'; files with the purpose '{FilePurpose.Batch}' are checked here",
                code: "invalid_purpose");
        }
        var batch = new BatchRecord
        {
            PartitionKey = file.Tenant,
            InputFileId = file.Id,
            Endpoint = endpoint ?? await FirstUrlAsync(file, files, limits, stop) ?? throw body.Missing(
                "endpoint", "is required: the first line of the file has no url that is an endpoint"),
        };
        return Results.Wire(await check.RunAsync(batch, stop));
    }

    /// <returns>Null where the first line names no endpoint.</returns>
    private static async Task<string?> FirstUrlAsync(
        FileRecord file, FileStore files, ServiceLimits limits, CancellationToken cancellation)
    {
        await using var content = await files.OpenReadAsync(file, cancellation);
        await foreach (var line in JsonLines.ReadAsync(content, limits.MaxLineBytes, cancellation))
        {
            try
            {
                string? url = line.Bytes is null ? null : StrictJson.Parse(line.Bytes).FindText("url");
                return BatchEndpoint.All.Contains(url) ? url : null;
            }
            catch (InvalidJsonException)
            {
                return null;
            }
        }
        return null;
    }
}
