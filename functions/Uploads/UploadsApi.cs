using System.Text.Json;
using LLaDA.Batch.Functions.Files;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Quotas;
using LLaDA.Batch.Shared.Wire;
using Microsoft.Net.Http.Headers;

namespace LLaDA.Batch.Functions.Uploads;

/// <summary><c>/v1/uploads</c>: files that come in parts.</summary>
internal static class UploadsApi
{
    /// <summary>Parts are taken for an hour, as OpenAI has it.</summary>
    private const int HoursOpen = 1;

    private const int MaxPending = 100, Md5Digits = 32;

    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapPost("/uploads", CreateAsync);
        v1.MapPost("/uploads/{id}/parts", AddPartAsync);
        v1.MapPost("/uploads/{id}/complete", CompleteAsync);
        v1.MapPost("/uploads/{id}/cancel", CancelAsync);
    }

    /// <param name="isSame">Whether the same completion was begun before.</param>
    /// <exception cref="ApiException">409, with the state.</exception>
    public static void RequireOpen(UploadRecord upload, DateTimeOffset now, bool isSame)
    {
        if (upload.IsExpired(now))
            throw ApiException.Conflict("The upload has expired after an hour; begin another one", "upload_expired");
        if (upload.State == UploadState.Pending || (upload.State == UploadState.Completing && isSame))
            return;
        string state = upload.State == UploadState.Completing ? "being completed with other parts" : upload.State.WireName();
        throw ApiException.Conflict($"The upload is {state}", "wrong_state");
    }

    private static async Task<IResult> CreateAsync(
        HttpContext context, UploadStore uploads, FileQuota quota, ServiceLimits limits, TimeProvider time)
    {
        var (stop, now) = (context.RequestAborted, time.GetUtcNow());
        var upload = UploadRequest.Read(await JsonBody.ReadAsync(context.Request, stop), limits);
        int pending = await uploads.Records.ListAsync(context.Tenant(), after: null, stop)
            .CountAsync(other => other.State == UploadState.Pending && !other.IsExpired(now), stop);
        if (pending >= MaxPending)
            throw ApiException.InvalidRequest($"You have {MaxPending} pending uploads; complete or cancel one", code: "too_many_uploads");
        if (upload.Bytes > await quota.RequireRoomAsync(context.Tenant(), stop))
            throw await quota.NoRoomAsync(context.Tenant(), stop);
        (upload.PartitionKey, upload.RowKey) = (context.Tenant(), context.NewKey(time));
        (upload.CreatedAt, upload.ExpiresAt) = (now, now.AddHours(HoursOpen));
        await uploads.Records.AddIdempotentAsync(upload, stop);
        return Results.Wire(UploadObject.From(upload, now));
    }

    private static async Task<IResult> AddPartAsync(
        string id, HttpContext context, UploadStore uploads, UploadParts parts, TimeProvider time)
    {
        var stop = context.RequestAborted;
        var upload = await FindAsync(id, context, uploads);
        RequireOpen(upload, time.GetUtcNow(), isSame: false);
        bool isAnnounced = MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type) && type.MediaType == "application/json";
        return Results.Wire(isAnnounced
            ? await parts.AnnounceAsync(upload, await JsonBody.ReadAsync(context.Request, stop), context, stop)
            : await parts.ReceiveAsync(upload, context.Request, stop));
    }

    private static async Task<IResult> CompleteAsync(
        string id, HttpContext context, UploadStore uploads, UploadCompletion completion, TimeProvider time)
    {
        var stop = context.RequestAborted;
        var body = await JsonBody.ReadAsync(context.Request, stop);
        var partIds = PartIds(body);
        string? md5 = body.OptionalText("md5");
        if (md5 is not null && (md5.Length != Md5Digits || !md5.All(char.IsAsciiHexDigit)))
            throw body.Invalid("md5", $"must have {Md5Digits} hexadecimal digits");
        body.RequireNothingElse();
        var upload = await FindAsync(id, context, uploads);
        var file = await completion.RunAsync(upload, partIds, md5, stop);
        var completed = await uploads.Records.FindAsync(upload.Tenant, upload.RowKey, CancellationToken.None) ?? upload;
        return Results.Wire(UploadObject.From(completed, time.GetUtcNow(), FileObject.From(file)));
    }

    private static async Task<IResult> CancelAsync(
        string id, HttpContext context, UploadStore uploads, UploadBlocks blocks, TimeProvider time)
    {
        var stop = context.RequestAborted;
        var upload = await FindAsync(id, context, uploads);
        var update = await uploads.UpdateAsync(upload, current => current.TryCancel(), stop);
        if (update.Row is not { State: UploadState.Cancelled } cancelled)
        {
            throw ApiException.Conflict(
                $"The upload is {update.Row?.State.WireName() ?? "gone"} and cannot be cancelled", "not_cancellable");
        }
        await blocks.DeleteAsync(cancelled, stop);
        return Results.Wire(UploadObject.From(cancelled, time.GetUtcNow()));
    }

    private static async Task<UploadRecord> FindAsync(string id, HttpContext context, UploadStore uploads) =>
        await uploads.FindAsync(context.Tenant(), id, context.RequestAborted) ?? throw ApiException.NotFound($"upload: {id}");

    private static string[] PartIds(JsonReader body)
    {
        if (body.Find("part_ids") is not { } ids)
            throw body.Missing("part_ids", "is required and must be a list of ids");
        bool isGood = ids.ValueKind == JsonValueKind.Array && ids.GetArrayLength() is > 0 and <= UploadBlocks.MaxBlocks
            && ids.EnumerateArray().All(id => id.ValueKind == JsonValueKind.String);
        return isGood
            ? [.. ids.EnumerateArray().Select(id => id.GetString()!)]
            : throw body.Invalid("part_ids", $"must be a list of 1 to {UploadBlocks.MaxBlocks} ids");
    }
}
