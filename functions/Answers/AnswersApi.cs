using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>
/// Answers at once: <c>POST</c> to the endpoints of batch lines, and <c>/v1/answers/{id}</c> for one that came too late for its request.
/// </summary>
internal static class AnswersApi
{
    private static readonly TimeSpan s_usualWait = TimeSpan.FromSeconds(60);

    public static void Map(IEndpointRouteBuilder v1)
    {
        foreach (string endpoint in BatchEndpoint.All)
        {
            v1.MapPost(endpoint["/v1".Length..], (HttpContext context, AnswerKeys keys, AnswerStart start, IServiceProvider services) =>
                AskAsync(endpoint, context, keys, start, services));
        }
        v1.MapGet("/answers/{id}", GetAsync);
    }

    private static async Task AskAsync(
        string endpoint, HttpContext context, AnswerKeys keys, AnswerStart start, IServiceProvider services)
    {
        var (tenant, cancellation) = (context.Tenant(), context.RequestAborted);
        long received = services.GetRequiredService<TimeProvider>().GetTimestamp();
        var preference = Preference.Read(context.Request);
        var work = await keys.FindAsync(context, endpoint);
        var body = await JsonBody.ReadAsync(context.Request, cancellation);
        using var place = await PlaceAsync(tenant, work, preference, services, cancellation);
        preference = Remaining(preference, services.GetRequiredService<TimeProvider>().GetElapsedTime(received));
        var (request, answer) = await StartAsync(endpoint, tenant, work, body, start, services, cancellation);
        try
        {
            if (request.IsStreamed)
                await services.GetRequiredService<AnswerStream>().RunAsync(context, answer, request.StreamsUsage, preference);
            else
                await services.GetRequiredService<AnswerDelivery>().RunAsync(context, answer, preference, s_usualWait);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested && !work.IsKnown && !preference.RespondsAsync)
        {
            await services.GetRequiredService<AnswerEnding>().CancelAsync(answer, CancellationToken.None);
        }
    }

    /// <returns>Null for an answer that no request waits for, or that is in work already.</returns>
    private static async Task<IDisposable?> PlaceAsync(
        string tenant, AnswerWork work, Preference preference, IServiceProvider services, CancellationToken cancellation) =>
        preference.RespondsAsync || work.Answer is not null
            ? null
            : await services.GetRequiredService<AnswersInWork>().EnterAsync(tenant, preference.Wait ?? s_usualWait, cancellation);

    /// <summary>The wait for a place is a part of the time that the client is willing to wait.</summary>
    private static Preference Remaining(Preference preference, TimeSpan waited) => waited < TimeSpan.FromSeconds(1)
        ? preference
        : preference with
        {
            Wait = TimeSpan.FromSeconds(Math.Max(0, Math.Ceiling(((preference.Wait ?? s_usualWait) - waited).TotalSeconds))),
        };

    private static async Task<(AnswerRequest Request, BatchRecord Answer)> StartAsync(
        string endpoint,
        string tenant,
        AnswerWork work,
        JsonReader body,
        AnswerStart start,
        IServiceProvider services,
        CancellationToken cancellation)
    {
        using var place = await services.GetRequiredService<AnswerStarts>().EnterAsync(tenant, cancellation);
        var models = services.GetRequiredService<ModelCatalog>();
        var room = services.GetRequiredService<AnswerRoom>();
        var counting = work.Answer is null ? room.EnterAsync(tenant, cancellation) : Task.CompletedTask;
        if (counting.IsFaulted)
            await counting;     // a refusal that costs no call to storage
        var request = await AnswerRequest.ReadAsync(endpoint, body, id => models.FindAsync(tenant, id, cancellation));
        if (request.IsStreamed)
            services.GetRequiredService<EventStreams>().Require();
        await counting;
        // Also where there is a record in work: its first request may have ended before it sent the message.
        return (request, work.Answer is { IsTerminal: true } ended ? ended : await start.RunAsync(tenant, work.Key, request, cancellation));
    }

    private static async Task GetAsync(string id, HttpContext context, BatchStore batches, AnswerDelivery delivery)
    {
        var answer = AnswerKey.Parse(id) is { } key
            ? await batches.FindAsync(new JobKey(context.Tenant(), key), context.RequestAborted)
            : null;
        var preference = Preference.Read(context.Request) with { RespondsAsync = true };
        await delivery.RunAsync(context, answer ?? throw ApiException.NotFound($"answer: {id}"), preference, TimeSpan.Zero);
    }
}
