using System.Globalization;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>Waits for an answer and sends it, or says where it will be.</summary>
internal sealed partial class AnswerDelivery(AnswerWait waiting, AnswerEnding ending, ILogger<AnswerDelivery> logger)
{
    private static readonly TimeSpan s_untilAnswered = TimeSpan.FromSeconds(5);

    /// <param name="usualWait">How long to wait where the client states no time.</param>
    /// <exception cref="ApiException">503: the time is over. Also every failure of the line itself.</exception>
    public async Task RunAsync(HttpContext context, BatchRecord answer, Preference preference, TimeSpan usualWait)
    {
        var wait = preference.Wait ?? usualWait;
        if (await waiting.RunAsync(answer, wait, context.RequestAborted) is { } part)
            await EndAsync(answer, part, () => AnswerResult.Of(part.Line).ExecuteAsync(context));
        else
            await LateAsync(context, answer, preference, wait);
    }

    /// <summary>Sends an answer and ends its record, whether or not it reaches the client. The sweep ends what this does not.</summary>
    public async Task EndAsync(BatchRecord answer, AnswerPart part, Func<Task> send)
    {
        try
        {
            await send();
        }
        finally
        {
            if (!answer.IsTerminal)
                await TryEndAsync(answer, part);
        }
    }

    /// <summary>Says where a late answer will be.</summary>
    /// <exception cref="ApiException">503, unless the client prefers 202.</exception>
    public static Task LateAsync(HttpContext context, BatchRecord answer, Preference preference, TimeSpan wait)
    {
        context.Response.Headers.Location = LocationOf(answer);
        if (!preference.RespondsAsync)
            throw Late(answer, wait);
        context.Response.Headers["Preference-Applied"] = "respond-async";
        context.Response.Headers.RetryAfter = s_untilAnswered.TotalSeconds.ToString("F0", CultureInfo.InvariantCulture);
        return Results.Wire(AnswerObject.From(answer), StatusCodes.Status202Accepted).ExecuteAsync(context);
    }

    public static ApiException Late(BatchRecord answer, TimeSpan wait)
    {
        string message = $"{answer.Id} was not ready after {wait.TotalSeconds} seconds and is still in work. GET {LocationOf(answer)} "
            + "fetches it, and so does the same request with the same Idempotency-Key";
        var error = new ApiError(message, "server_error", Param: null, "answer_late");
        return new ApiException(StatusCodes.Status503ServiceUnavailable, error) { RetryAfter = s_untilAnswered, ShouldRetry = false };
    }

    private static string LocationOf(BatchRecord answer) => $"/v1/answers/{answer.Id}";

    private async Task TryEndAsync(BatchRecord answer, AnswerPart part)
    {
        try
        {
            await ending.RunAsync(answer, part.Counts, CancellationToken.None);
        }
        catch (Exception failure)
        {
            LogNotEnded(logger, answer.Id, failure);
        }
    }

    [LoggerMessage(EventId = 251, Level = LogLevel.Warning, Message = "{Answer} was sent and could not be ended; the sweep ends it")]
    private static partial void LogNotEnded(ILogger logger, string answer, Exception failure);
}
