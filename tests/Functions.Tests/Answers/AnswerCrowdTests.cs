using System.Net;
using LLaDA.Batch.Functions.Answers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Answers;

/// <summary>What a tenant's crowd of answers leaves of storage to another tenant.</summary>
public sealed class AnswerCrowdTests(StorageFixture fixture)
{
    private const string Other = "other";

    private static readonly (string Name, string Value) s_doNotWait = ("Prefer", "wait=0, respond-async");

    [Fact]
    public async Task However_many_answers_of_a_tenant_start_a_few_are_at_storage_and_another_tenants_starts_beside_them()
    {
        const int count = 3 * AnswerStarts.AtOnce;
        var faults = new StorageFaults();
        await using var plane = await StartAsync(fixture, faults);
        using var other = await plane.NewClientAsync(Other);
        var (full, gate) = (NewSource(), NewSource());
        int held = 0;
        faults.Before = async call =>
        {
            string path = Uri.UnescapeDataString(call);
            if (!path.Contains("/active(", StringComparison.Ordinal) || !path.Contains($"'{Tenant}|", StringComparison.Ordinal))
                return;
            if (Interlocked.Increment(ref held) == AnswerStarts.AtOnce)
                full.SetResult();
            await gate.Task;
        };

        Task<HttpResponseMessage>[] crowd = [.. Enumerable.Range(0, count).Select(_ => plane.AskAsync(headers: s_doNotWait))];
        await full.Task;
        using var lone = await plane.AskAsync(client: other, headers: s_doNotWait);

        Assert.Equal(HttpStatusCode.Accepted, lone.StatusCode);
        Assert.Equal(AnswerStarts.AtOnce, held);
        gate.SetResult();
        foreach (var response in await Task.WhenAll(crowd))
        {
            Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
            response.Dispose();
        }
        Assert.Equal(count, held);
    }

    [Fact]
    public async Task Refusing_a_crowd_lists_its_answers_once_a_second()
    {
        int numLists = 0;
        var faults = new StorageFaults
        {
            Before = call =>
            {
                if (call.StartsWith("GET", StringComparison.Ordinal) && call.EndsWith("/active()", StringComparison.Ordinal))
                    Interlocked.Increment(ref numLists);
                return Task.CompletedTask;
            },
        };
        await using var plane = await StartAsync(fixture, services => services.AddSingleton(provider =>
            faults.Account(provider.GetRequiredService<IConfiguration>()["Storage:ConnectionString"]!)), ("Limits:MaxActiveAnswers", "2"));
        using var first = await plane.AskAsync(headers: s_doNotWait);
        using var second = await plane.AskAsync(headers: s_doNotWait);
        Assert.Equal(HttpStatusCode.Accepted, second.StatusCode);

        for (int number = 0; number < 20; number++)
        {
            using var refused = await plane.AskAsync(headers: s_doNotWait);
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            Assert.Contains("You have 2 answers in work", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        Assert.Equal(1, numLists);
        await plane.Batches.OpenAnswers.DeleteAsync((await plane.TakeAsync()).Key, CancellationToken.None);    // by another process
        plane.Time.Advance(TimeSpan.FromSeconds(2));
        using var later = await plane.AskAsync(headers: s_doNotWait);
        Assert.Equal(HttpStatusCode.Accepted, later.StatusCode);
    }

    [Fact]
    public void Waits_of_a_tenant_look_a_hundred_times_a_second_together()
    {
        var pace = new WaitPace();
        TimeSpan PauseOf(WaitPace.Wait wait) => wait.Pause(TimeSpan.FromMilliseconds(25));
        using var lone = pace.Begin(Other);
        using var first = pace.Begin(Tenant);
        Assert.Equal(25, PauseOf(first).TotalMilliseconds);

        WaitPace.Wait[] crowd = [.. Enumerable.Range(1, 255).Select(_ => pace.Begin(Tenant))];

        Assert.All(crowd, wait => Assert.Equal(2_560, PauseOf(wait).TotalMilliseconds));
        Assert.Equal(25, PauseOf(lone).TotalMilliseconds);
        foreach (var wait in crowd)
            wait.Dispose();
        Assert.Equal(25, PauseOf(first).TotalMilliseconds);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_request_among_many_of_its_tenant_looks_more_rarely_than_a_lone_one(bool isStreamed)
    {
        var faults = new StorageFaults();
        await using var plane = await StartAsync(fixture, faults);
        using var other = await plane.NewClientAsync(Other);
        var (ofMany, ofLone) = (0, 0);
        faults.Before = call =>
        {
            string path = Uri.UnescapeDataString(call);
            if (call.StartsWith("GET", StringComparison.Ordinal) && path.Contains("/parts/", StringComparison.Ordinal))
                Interlocked.Increment(ref path.Contains($"/{Tenant}/", StringComparison.Ordinal) ? ref ofMany : ref ofLone);
            return Task.CompletedTask;
        };
        WaitPace.Wait[] others = [.. Enumerable.Range(1, 999).Select(_ => plane.Get<WaitPace>().Begin(Tenant))];
        string body = isStreamed ? Answering.Infill.Replace("}", ",\"stream\":true}", StringComparison.Ordinal) : Answering.Infill;
        Task<HttpResponseMessage>[] asking = [plane.AskAsync(body), plane.AskAsync(body, client: other)];
        var answers = new[] { await plane.TakeAsync(), await plane.TakeAsync() };

        for (int step = 0; step < 100 || ofMany == 0 || ofLone < 3; step++)
        {
            plane.Time.Advance(TimeSpan.FromMilliseconds(5));
            await plane.CountAsync(Answering.Queue);
        }

        Assert.True(ofMany < ofLone, $"{ofMany} looks among many, {ofLone} of the lone one");
        foreach (var wait in others)
            wait.Dispose();
        foreach (var answer in answers)
            await plane.AnswerAsync(answer, Answering.Filled);
        foreach (var request in asking)
            (await plane.WhileTimePassesAsync(request, TimeSpan.FromSeconds(1))).Dispose();
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
