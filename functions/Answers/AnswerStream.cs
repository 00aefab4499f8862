using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>
/// Sends an answer while it comes about: tails the frames that its worker writes, and takes the rest from its part. So a client that joins
/// late, or comes back with its key, gets the same text.
/// </summary>
internal sealed class AnswerStream(
    StorageAccount storage, AnswerWait waiting, WaitPace pace, AnswerDelivery delivery, TimeProvider time)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    /// <exception cref="ApiException">Only before the first event; a later failure is an event.</exception>
    public async Task RunAsync(HttpContext context, BatchRecord answer, bool statesUsage, Preference preference)
    {
        var cancellation = context.RequestAborted;
        var wait = preference.Wait ?? TimeSpan.FromSeconds(Preference.MaxWaitSeconds);
        var (events, chunks) = (new EventWriter(context), new StreamChunks(answer, statesUsage));
        var frames = new BatchBlobs(storage, answer).Frames;
        var (position, choices) = (default(FramePosition), new StreamedChoices(events, chunks));
        long started = time.GetTimestamp();
        using var looks = pace.Begin(answer.Tenant);
        while (true)
        {
            // In this order: a worker writes no frame once it has written the part.
            var part = await waiting.FindAsync(answer, cancellation);
            (var fresh, position) = await frames.ReadAsync(position, cancellation);
            foreach (var frame in fresh)
                await choices.ShowAsync(frame);
            if (part is not null)
            {
                await delivery.EndAsync(answer, part, () => FinishAsync(events, chunks, choices, part));
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
            await Task.Delay(looks.Pause(s_pause), time, cancellation);
        }
    }

    private static async Task FinishAsync(EventWriter events, StreamChunks chunks, StreamedChoices choices, AnswerPart part)
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
        if (body["choices"] is not JsonArray whole)
            await events.WriteAsync(body);      // of an endpoint of this service: the whole answer is the last event
        else if (await choices.EndAsync(whole))
            await events.WriteAsync(chunks.Usage(body));
        else
            return;
        await events.EndAsync();
    }
}
