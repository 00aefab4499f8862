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
        if (await waiting.RunAsync(answer, wait, context.RequestAborted) is not { } part)
        {
            await LateAsync(context, answer, preference, wait);
            return;
        }
        await AnswerResult.Of(part.Line).ExecuteAsync(context);
        if (!answer.IsTerminal)
            await EndAsync(answer, part);
    }

    /// <summary>After the client has its answer. The sweep ends what this does not.</summary>
    private async Task EndAsync(BatchRecord answer, AnswerPart part)
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

    private static Task LateAsync(HttpContext context, BatchRecord answer, Preference preference, TimeSpan wait)
    {
        string location = $"/v1/answers/{answer.Id}";
        context.Response.Headers.Location = location;
        if (!preference.RespondsAsync)
        {
            string message = $"{answer.Id} was not ready after {wait.TotalSeconds} seconds and is still in work. GET {location} "
                + "fetches it, and so does the same request with the same Idempotency-Key";
            var error = new ApiError(message, "server_error", Param: null, "answer_late");
            throw new ApiException(StatusCodes.Status503ServiceUnavailable, error) { RetryAfter = s_untilAnswered, ShouldRetry = false };
        }
        context.Response.Headers["Preference-Applied"] = "respond-async";
        context.Response.Headers.RetryAfter = s_untilAnswered.TotalSeconds.ToString("F0", CultureInfo.InvariantCulture);
        return Results.Wire(AnswerObject.From(answer), StatusCodes.Status202Accepted).ExecuteAsync(context);
    }

    [LoggerMessage(EventId = 251, Level = LogLevel.Warning, Message = "{Answer} was sent and could not be ended; the sweep ends it")]
    private static partial void LogNotEnded(ILogger logger, string answer, Exception failure);
}
