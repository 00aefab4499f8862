using System.Net;
using LLaDA.Batch.Functions.Answers;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Answers;

/// <summary>How many answers of a tenant are in work while their requests wait.</summary>
public sealed class AnswersInWorkTests(StorageFixture fixture)
{
    private const int Surplus = 3;

    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_crowd_puts_a_bounded_number_of_messages_before_another_tenants_and_each_answer_lets_the_next_in()
    {
        await using var plane = await StartAsync(fixture);
        using var other = await plane.NewClientAsync("other");
        List<Task<HttpResponseMessage>> crowd =
            [.. Enumerable.Range(0, AnswersInWork.MostInWork + Surplus).Select(_ => plane.AskAsync(headers: ("Prefer", "wait=200")))];
        while (await plane.CountAsync(Answering.Queue) < AnswersInWork.MostInWork)
            await Task.Yield();

        var lone = plane.AskAsync(client: other);
        while (await plane.CountAsync(Answering.Queue) < AnswersInWork.MostInWork + 1)
            await Task.Yield();

        int numBefore = 0;
        for (var taken = await plane.TakeAsync(); taken.Tenant == Tenant; taken = await plane.TakeAsync(), numBefore++)
            await plane.AnswerAsync(taken, Answering.Filled);
        Assert.Equal(AnswersInWork.MostInWork, numBefore);
        for (int number = 0; number < Surplus; number++)
        {
            var next = plane.TakeAsync();
            await plane.AnswerAsync(await plane.WhileTimePassesAsync(next, s_second), Answering.Filled);
        }
        foreach (var asked in crowd)
        {
            using var response = await plane.WhileTimePassesAsync(asked, s_second);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
        (await plane.WhileTimePassesAsync(lone, s_second)).Dispose();
    }

    [Fact]
    public async Task A_request_that_no_place_comes_free_for_is_refused_in_its_time_and_leaves_nothing()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxActiveAnswers", $"{AnswersInWork.MostInWork + 1}"));
        List<Task<HttpResponseMessage>> crowd =
            [.. Enumerable.Range(0, AnswersInWork.MostInWork).Select(_ => plane.AskAsync(headers: ("Prefer", "wait=200")))];
        while (await plane.CountAsync(Answering.Queue) < AnswersInWork.MostInWork)
            await Task.Yield();

        var waiting = plane.AskAsync(headers: ("Prefer", "wait=5"));
        using var impatient = await plane.AskAsync(headers: ("Prefer", "wait=0"));
        Assert.Equal(HttpStatusCode.TooManyRequests, impatient.StatusCode);
        using var late = await plane.WhileTimePassesAsync(waiting, s_second);
        Assert.Equal(HttpStatusCode.TooManyRequests, late.StatusCode);
        Assert.Equal("2", late.Headers.GetValues("Retry-After").Single());
        Assert.Equal(AnswersInWork.MostInWork, await plane.CountAsync(Answering.Queue));

        using var asynchronous = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        Assert.Equal(HttpStatusCode.Accepted, asynchronous.StatusCode);
        for (int number = 0; number <= AnswersInWork.MostInWork; number++)
            await plane.AnswerAsync(await plane.TakeAsync(), Answering.Filled);
        foreach (var asked in crowd)
            (await plane.WhileTimePassesAsync(asked, s_second)).Dispose();
    }
}
