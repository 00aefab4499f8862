using System.Net;
using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Shared.Batches;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Answers;

/// <summary>Requests with an <c>Idempotency-Key</c>, which leads back to the work of the first of them.</summary>
public sealed class AnswerKeyTests(StorageFixture fixture)
{
    [Fact]
    public async Task The_same_key_leads_back_to_the_same_work_at_any_time()
    {
        await using var plane = await StartAsync(fixture);
        var first = plane.AskAsync(headers: ("Idempotency-Key", "key"));
        var answer = await plane.TakeAsync();
        using (var late = await plane.WhileTimePassesAsync(first, TimeSpan.FromSeconds(30)))
            Assert.Equal(HttpStatusCode.ServiceUnavailable, late.StatusCode);
        var second = plane.AskAsync(headers: ("Idempotency-Key", "key"));
        Assert.Equal(answer.Id, (await plane.TakeAsync()).Id);
        await plane.AnswerAsync(answer, Answering.Filled);

        Assert.Equal("a filled b", await TextAsync(await plane.WhileTimePassesAsync(second, Answering.Step)));
        await plane.EndedAsync(answer, BatchStatus.Completed);
        var third = await ReadAsync(await plane.AskAsync(headers: ("Idempotency-Key", "key")));

        Assert.Equal("a filled b", third["text"]!.GetValue<string>());
        Assert.Equal(0, await plane.CountAsync(Answering.Queue));
        Assert.Single(await plane.Batches.Records.ScanAsync("", CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task Two_requests_with_a_key_wait_together()
    {
        await using var plane = await StartAsync(fixture);
        Task<HttpResponseMessage>[] asking = [.. Enumerable.Range(0, 4).Select(_ => plane.AskAsync(headers: ("Idempotency-Key", "key")))];
        var answer = await plane.TakeAsync();
        await plane.AnswerAsync(answer, Answering.Filled);

        foreach (var request in asking)
            Assert.Equal("a filled b", await TextAsync(await plane.WhileTimePassesAsync(request, Answering.Step)));
        Assert.Single(await plane.Batches.Records.ScanAsync("", CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task A_key_of_another_request_is_refused()
    {
        await using var plane = await StartAsync(fixture);
        using var accepted = await plane.AskAsync(headers: [("Prefer", "wait=0, respond-async"), ("Idempotency-Key", "key")]);
        string other = Answering.Infill.Replace("[MASK:2]", "[MASK:3]", StringComparison.Ordinal);

        var refused = await plane.AskAsync(other, headers: ("Idempotency-Key", "key"));

        await AssertErrorAsync(refused, HttpStatusCode.UnprocessableEntity, "Idempotency-Key");
    }

    [Theory]
    [InlineData(Fault.KillAfter)]
    [InlineData(Fault.TimeoutAfter)]
    [InlineData(Fault.Unavailable)]
    public async Task A_client_that_is_cut_off_comes_back_with_its_key_and_gets_its_answer_wherever_the_fault_was(Fault fault)
    {
        await using var plane = await StartAsync(fixture);
        bool isHit = true;
        for (int call = 1; isHit; call++)
        {
            string key = $"key-{call}";
            using var transport = new FaultyTransport(fault, call);
            await using (var host = plane.NewHostOver(transport))
                await plane.AskOnAsync(host, ("Idempotency-Key", key), ("Prefer", "wait=0, respond-async"));
            isHit = transport.IsHit;

            var asking = plane.AskAsync(headers: ("Idempotency-Key", key));
            var answer = await plane.TakeAsync();
            await plane.AnswerAsync(answer, Answering.Filled);

            Assert.Equal("a filled b", await TextAsync(await plane.WhileTimePassesAsync(asking, Answering.Step)));
            await plane.EndedAsync(answer, BatchStatus.Completed);
            Assert.Equal(call, await plane.Batches.Records.ScanAsync("", CancellationToken.None).CountAsync());
            await plane.Storage.Queue(Answering.Queue).ClearMessagesAsync();
        }
    }

    private static async Task<string> TextAsync(HttpResponseMessage response) => (await ReadAsync(response))["text"]!.GetValue<string>();
}
