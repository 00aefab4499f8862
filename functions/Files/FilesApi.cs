using Azure;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Quotas;
using LLaDA.Batch.Shared.Files;
using Microsoft.Net.Http.Headers;

namespace LLaDA.Batch.Functions.Files;

/// <summary><c>/v1/files</c>.</summary>
internal static class FilesApi
{
    private const int DefaultLimit = 10_000, MaxLimit = 10_000;

    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapPost("/files", UploadAsync);
        v1.MapGet("/files", ListAsync);
        v1.MapGet("/files/{id}", GetAsync);
        v1.MapDelete("/files/{id}", DeleteAsync);
        v1.MapGet("/files/{id}/content", ContentAsync);
    }

    private static async Task<IResult> UploadAsync(HttpContext context, FileUpload upload) =>
        Results.Wire(FileObject.From(await upload.ReceiveAsync(context.Request, context.Tenant(), context.RequestAborted)));

    private static async Task<IResult> ListAsync(HttpContext context, FileStore files, TimeProvider time)
    {
        var query = ListQuery.Read(context.Request, FileRecord.IdPrefix, DefaultLimit, MaxLimit);
        string? purpose = context.Request.Query["purpose"].FirstOrDefault();
        var now = time.GetUtcNow();
        return await ListPage.OfAsync(
            files.Records, context.Tenant(), query, FileObject.From, file => file.Id, context.RequestAborted, IsListed);

        bool IsListed(FileRecord file) => !file.IsExpired(now) && (purpose is null || file.Purpose == purpose);
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, FileStore files) =>
        Results.Wire(FileObject.From(await FindAsync(id, context, files)));

    private static async Task<IResult> DeleteAsync(string id, HttpContext context, FileStore files, FileQuota quota)
    {
        var file = await FindAsync(id, context, files);
        await files.DeleteAsync(file.Tenant, file.RowKey, context.RequestAborted);
        quota.Forget(file.Tenant);
        return Results.Wire(new DeletedObject { Id = file.Id, Object = "file" });
    }

    private static async Task<IResult> ContentAsync(string id, HttpContext context, FileStore files)
    {
        var file = await FindAsync(id, context, files);
        var content = await OpenAsync(file, context, files);
        var tag = new EntityTagHeaderValue($"\"{file.RowKey}\"");
        return Results.Stream(content, "application/octet-stream", file.Filename, file.CreatedAt, tag, enableRangeProcessing: true);
    }

    private static async Task<Stream> OpenAsync(FileRecord file, HttpContext context, FileStore files)
    {
        try
        {
            return await files.OpenReadAsync(file, context.RequestAborted);
        }
        catch (RequestFailedException failure) when (failure.Status == StatusCodes.Status404NotFound)
        {
            throw ApiException.Lost($"The bytes of {file.Id} are lost; delete the file and upload it again", "file_not_found");
        }
    }

    private static async Task<FileRecord> FindAsync(string id, HttpContext context, FileStore files) =>
        await files.FindAsync(context.Tenant(), id, context.RequestAborted) ?? throw ApiException.NotFound($"file: {id}");
}
