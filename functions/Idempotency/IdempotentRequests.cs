using System.Text;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Idempotency;

/// <summary>
/// A POST with an Idempotency-Key is done once: the same request gets the same answer for 24 hours. The row of the request is written
/// before the work. Where a process dies between the work and its answer, the next request with the key does the work again under the same
/// key of the created object, and so finds it.
/// </summary>
/// <remarks>Requests for answers at once are not among them: they find their work by the key while it is running.</remarks>
internal sealed class IdempotentRequests(RequestDelegate next, IdempotencyRecords records, SecretBox secrets, TimeProvider time)
{
    private static readonly TimeSpan s_stalledAfter = Heartbeat.Interval * 3, s_untilAnswered = TimeSpan.FromSeconds(1);

    public Task InvokeAsync(HttpContext context)
    {
        bool creates = HttpMethods.IsPost(context.Request.Method) && !BatchEndpoint.All.Contains(context.Request.Path.Value);
        return creates && IdempotencyKey.Read(context.Request) is { } key ? RunAsync(context, key) : next(context);
    }

    private async Task RunAsync(HttpContext context, string key)
    {
        var (request, cancellation) = (context.Request, context.RequestAborted);
        string hash = await RequestFingerprint.OfAsync(request, cancellation);
        var (row, isNew) = await records.FindOrAddAsync(context.Tenant(), key, $"POST {request.Path}", hash, cancellation);
        if (row.Status is not null)
            await ReplayAsync(context, row);
        else if (isNew || (row.TryBegin(time.GetUtcNow(), s_stalledAfter) && await records.Rows.TryUpdateAsync(row, cancellation)))
            await WorkAsync(context, row);
        else
            throw InWork();
    }

    private async Task WorkAsync(HttpContext context, IdempotencyRecord row)
    {
        context.SetCreationKey(row.WorkKey);
        var (body, answer) = (context.Response.Body, new MemoryStream());
        context.Response.Body = answer;
        try
        {
            await using (new Heartbeat(token => TouchAsync(row, token), time))
                await next(context);
        }
        catch (ApiException) when (row.Tries == 1)
        {
            await records.Rows.DeleteAsync(row.PartitionKey, row.RowKey, CancellationToken.None);    // refused: nothing was done
            throw;
        }
        catch
        {
            await FreeAsync(row);
            throw;
        }
        finally
        {
            context.Response.Body = body;
        }
        string text = Encoding.UTF8.GetString(answer.ToArray());
        // The answer of a request that was cut off may be half of one, or none.
        if (context.Response.StatusCode >= StatusCodes.Status400BadRequest || context.RequestAborted.IsCancellationRequested)
            await FreeAsync(row);
        else if (await KeepAsync(context, row, text) is { Status: not null } kept)
            text = AnswerOf(kept);
        await context.Response.WriteAsync(text, context.RequestAborted);
    }

    /// <returns>The row with the answer that counts; null when it is gone.</returns>
    private async Task<IdempotencyRecord?> KeepAsync(HttpContext context, IdempotencyRecord row, string answer)
    {
        var (status, location) = (context.Response.StatusCode, context.Response.Headers.Location.FirstOrDefault());
        string kept = secrets.IsOffered ? secrets.Seal(answer, Owner(row)) : answer;
        var update = await records.Rows.UpdateAsync(
            row.PartitionKey, row.RowKey, current => current.TryAnswer(status, location, kept), CancellationToken.None);
        return update.Row;
    }

    private async Task ReplayAsync(HttpContext context, IdempotencyRecord row)
    {
        context.Response.StatusCode = row.Status!.Value;
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.Headers["Idempotent-Replayed"] = "true";
        if (row.Location is not null)
            context.Response.Headers.Location = row.Location;
        await context.Response.WriteAsync(AnswerOf(row), context.RequestAborted);
    }

    private string AnswerOf(IdempotencyRecord row) => secrets.IsOffered ? secrets.Open(row.Answer, Owner(row)) : row.Answer;

    private async Task FreeAsync(IdempotencyRecord row) =>
        await records.Rows.UpdateAsync(row.PartitionKey, row.RowKey, current => current.TryFree(), CancellationToken.None);

    private async Task TouchAsync(IdempotencyRecord row, CancellationToken cancellation) =>
        await records.Rows.UpdateAsync(row.PartitionKey, row.RowKey, current => current.Status is null, cancellation);

    private static string Owner(IdempotencyRecord row) => $"{row.PartitionKey}/idempotency/{row.RowKey}";

    private static ApiException InWork() => new(
        StatusCodes.Status409Conflict,
        new ApiError(
            $"The first request with this {IdempotencyKey.Header} is in work; try again", "invalid_request_error",
            IdempotencyKey.Header, "idempotency_key_in_use"))
    {
        ShouldRetry = true,
        RetryAfter = s_untilAnswered,
    };
}
