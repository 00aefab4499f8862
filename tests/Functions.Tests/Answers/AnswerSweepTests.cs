using System.Net;
using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Shared.Batches;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Answers;

/// <summary>What becomes of answers for which no request waits.</summary>
public sealed class AnswerSweepTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_sweep_ends_an_answer_for_which_no_request_waits()
    {
        await using var plane = await StartAsync(fixture);
        using var accepted = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        var answer = await plane.TakeAsync();
        await plane.AnswerAsync(answer, Answering.Filled);

        await plane.SweepAnswersAsync();

        await plane.EndedAsync(answer, BatchStatus.Completed);
    }

    [Fact]
    public async Task A_sweep_sends_a_lost_message_again()
    {
        await using var plane = await StartAsync(fixture);
        using var accepted = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        var answer = await plane.TakeAsync();
        await plane.SweepAnswersAsync();
        Assert.Equal(0, await plane.CountAsync(Answering.Queue));

        plane.Time.Advance(TimeSpan.FromMinutes(1));
        await plane.SweepAnswersAsync();

        Assert.Equal(answer.Id, (await plane.TakeAsync()).Id);
    }

    [Fact]
    public async Task An_answer_that_no_worker_gives_in_an_hour_expires()
    {
        await using var plane = await StartAsync(fixture);
        using var accepted = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        var answer = await plane.TakeAsync();
        plane.Time.Advance(AnswerStart.Window + TimeSpan.FromMinutes(1));

        await plane.SweepAnswersAsync();

        await plane.EndedAsync(answer, BatchStatus.Expired);
        using var expired = await plane.Client.GetAsync(accepted.Headers.Location);
        Assert.Contains("batch_expired", await expired.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await AssertErrorAsync(expired, HttpStatusCode.GatewayTimeout, null);
    }

    [Fact]
    public async Task Retention_deletes_an_answer_as_a_whole_a_day_after_its_end()
    {
        await using var plane = await StartAsync(fixture, ("Retention:Work", "01:00:00"));
        using var accepted = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        var answer = await plane.TakeAsync();
        await plane.AnswerAsync(answer, Answering.Filled);
        await plane.SweepAnswersAsync();

        plane.Time.Advance(TimeSpan.FromHours(23));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);
        Assert.NotNull(await plane.Blobs(answer).FindPlanAsync(CancellationToken.None));
        plane.Time.Advance(TimeSpan.FromHours(2));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);

        Assert.Null(await plane.Batches.FindAsync(answer.Key, CancellationToken.None));
        Assert.Null(await plane.Blobs(answer).FindPlanAsync(CancellationToken.None));
        await AssertErrorAsync(await plane.Client.GetAsync(accepted.Headers.Location), HttpStatusCode.NotFound, null);
    }
}
