using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Wire;
using Microsoft.Net.Http.Headers;

namespace LLaDA.Batch.Functions.Files;

/// <summary>A file on the wire. <c>status</c> is deprecated and required.</summary>
public sealed record FileObject(string Id, long Bytes, long CreatedAt, long? ExpiresAt, string Filename, string Purpose)
{
    public string Object => "file";

    public string Status => "processed";

    public static FileObject From(FileRecord file) =>
        new(file.Id, file.Bytes, file.CreatedAt.ToUnixTimeSeconds(), file.ExpiresAt?.ToUnixTimeSeconds(), file.Filename, file.Purpose);
}

/// <summary>An object that is gone.</summary>
public sealed record DeletedObject(string Id, string Object)
{
    public bool Deleted => true;
}

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
        Json(FileObject.From(await upload.ReceiveAsync(context.Request, context.Tenant(), context.RequestAborted)));

    private static async Task<IResult> ListAsync(HttpContext context, FileStore files, TimeProvider time)
    {
        var query = ListQuery.Read(context.Request, FileRecord.IdPrefix, DefaultLimit, MaxLimit);
        string? purpose = context.Request.Query["purpose"].FirstOrDefault();
        var now = time.GetUtcNow();
        var (page, hasMore) = await files.Records.PageAsync(
            context.Tenant(), query.AfterKey, query.Limit, query.IsAscending, file => !file.IsExpired(now) && (purpose is null || file.Purpose == purpose), context.RequestAborted);
        return Json(new ListPage<FileObject>([.. page.Select(FileObject.From)], page.FirstOrDefault()?.Id, page.LastOrDefault()?.Id, hasMore));
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, FileStore files) => Json(FileObject.From(await FindAsync(id, context, files)));

    private static async Task<IResult> DeleteAsync(string id, HttpContext context, FileStore files)
    {
        var file = await FindAsync(id, context, files);
        await files.DeleteAsync(file.Tenant, file.RowKey, context.RequestAborted);
        return Json(new DeletedObject(file.Id, "file"));
    }

    private static async Task<IResult> ContentAsync(string id, HttpContext context, FileStore files)
    {
        var file = await FindAsync(id, context, files);
        var content = await files.OpenReadAsync(file, context.RequestAborted);
        return Results.Stream(content, "application/octet-stream", file.Filename, file.CreatedAt, new EntityTagHeaderValue($"\"{file.RowKey}\""), enableRangeProcessing: true);
    }

    private static async Task<FileRecord> FindAsync(string id, HttpContext context, FileStore files) =>
        await files.FindAsync(context.Tenant(), id, context.RequestAborted) ?? throw ApiException.NotFound($"file: {id}");

    private static IResult Json<T>(T value) => Results.Json(value, WireJson.Options);
}
