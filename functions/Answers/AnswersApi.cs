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
            v1.MapPost(
                endpoint["/v1".Length..],
                (HttpContext context, ModelCatalog models, AnswerKeys keys, AnswerStart start, AnswerDelivery delivery) =>
                    AnswerAsync(endpoint, context, models, keys, start, delivery));
        }
        v1.MapGet("/answers/{id}", GetAsync);
    }

    private static async Task AnswerAsync(
        string endpoint, HttpContext context, ModelCatalog models, AnswerKeys keys, AnswerStart start, AnswerDelivery delivery)
    {
        var (tenant, cancellation) = (context.Tenant(), context.RequestAborted);
        var preference = Preference.Read(context.Request);
        var work = await keys.FindAsync(context, endpoint);
        if (work.Answer is { IsTerminal: true } ended)
        {
            await delivery.RunAsync(context, ended, preference, s_usualWait);
            return;
        }
        var body = await JsonBody.ReadAsync(context.Request, cancellation);
        var request = await AnswerRequest.ReadAsync(endpoint, body, id => models.FindAsync(tenant, id, cancellation));
        if (work.Answer is null)
            await start.RequireRoomAsync(tenant, cancellation);
        // Also where the record is there: its first request may have ended between the record and the message.
        var answer = await start.RunAsync(tenant, work.Key, request, cancellation);
        await delivery.RunAsync(context, answer, preference, s_usualWait);
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
