using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>
/// Sends an answer while it comes about: tails the frames that its worker writes, and takes the rest from its part. So a client that joins
/// late, or comes back with its key, gets the same text.
/// </summary>
internal sealed class AnswerStream(StorageAccount storage, AnswerWait waiting, AnswerDelivery delivery, TimeProvider time)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    /// <exception cref="ApiException">Only before the first event; a later failure is an event.</exception>
    public async Task RunAsync(HttpContext context, BatchRecord answer, bool statesUsage, Preference preference)
    {
        var cancellation = context.RequestAborted;
        var wait = preference.Wait ?? TimeSpan.FromSeconds(Preference.MaxWaitSeconds);
        var (events, chunks) = (new EventWriter(context), new StreamChunks(answer, statesUsage));
        var frames = new BatchBlobs(storage, answer).Frames;
        var (position, sent) = (default(FramePosition), "");
        long started = time.GetTimestamp();
        while (true)
        {
            // In this order: a worker writes no frame once it has written the part.
            var part = await waiting.FindAsync(answer, cancellation);
            (var fresh, position) = await frames.ReadAsync(position, cancellation);
            foreach (var frame in fresh)
            {
                if (!events.HasBegun)
                    await events.WriteAsync(chunks.Begin());
                sent = await ShowAsync(events, chunks, frame, sent);
            }
            if (part is not null)
            {
                await delivery.EndAsync(answer, part, () => FinishAsync(events, chunks, part, sent));
                return;
            }
            if (time.GetElapsedTime(started) >= wait)
            {
                if (events.HasBegun)
                    await events.WriteAsync(AnswerDelivery.Late(answer, wait).Error);
                else
                    await AnswerDelivery.LateAsync(context, answer, preference, wait);
                return;
            }
            await Task.Delay(s_pause, time, cancellation);
        }
    }

    /// <returns>The text that was sent so far.</returns>
    private static async Task<string> ShowAsync(EventWriter events, StreamChunks chunks, AnswerFrame frame, string sent)
    {
        await events.WriteAsync(chunks.Frame(frame));
        string settled = frame.Text[..frame.Settled];
        // Another try may be behind what its predecessor has shown.
        if (settled.Length <= sent.Length || !settled.StartsWith(sent, StringComparison.Ordinal))
            return sent;
        await events.WriteAsync(chunks.Text(choice: 0, settled[sent.Length..]));
        return settled;
    }

    private static async Task FinishAsync(EventWriter events, StreamChunks chunks, AnswerPart part, string sent)
    {
        JsonObject body;
        try
        {
            body = AnswerResult.BodyOf(part.Line);
        }
        catch (ApiException failure) when (events.HasBegun)
        {
            await events.WriteAsync(failure.Error);
            return;
        }
        if (body["choices"] is not JsonArray choices)
        {
            await events.WriteAsync(body);      // of an endpoint of this service: the whole answer is the last event
            await events.EndAsync();
            return;
        }
        if (!events.HasBegun)
            await events.WriteAsync(chunks.Begin());
        foreach (var (index, choice) in choices.Index())
        {
            string text = (choice!["message"]?["content"] ?? choice["text"])!.GetValue<string>();
            string known = index == 0 ? sent : "";
            if (!text.StartsWith(known, StringComparison.Ordinal))
            {
                const string message = "The answer was computed again and differs; send the request again";
                await events.WriteAsync(new ApiError(message, "server_error", Param: null, "server_error"));
                return;
            }
            if (text.Length > known.Length)
                await events.WriteAsync(chunks.Text(index, text[known.Length..]));
            await events.WriteAsync(chunks.End(index, choice));
        }
        await events.WriteAsync(chunks.Usage(body));
        await events.EndAsync();
    }
}
