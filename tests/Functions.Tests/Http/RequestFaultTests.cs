namespace LLaDA.Batch.Functions.Tests.Http;

/// <summary>A seeded sample of the matrix that <c>tests/Benchmarks -- faults --of requests</c> runs in full.</summary>
public sealed class RequestFaultTests(StorageFixture fixture)
{
    /// <summary>About as many as the requests make without a fault.</summary>
    private const int Seed = 20264, NumCalls = 270;

    [Theory]
    [InlineData(Fault.TimeoutAfter)]
    [InlineData(Fault.KillBefore)]
    [InlineData(Fault.KillAfter)]
    [InlineData(Fault.StallToTheEnd)]
    [InlineData(Fault.ClockAhead)]
    [InlineData(Fault.ClockBehind)]
    [InlineData(Fault.StorageFull)]
    public async Task Each_request_is_done_once_whatever_happens_at_whichever_call(Fault fault)
    {
        var random = new Random(Seed + (int)fault);
        var options = new TrialOptions(fault, random.Next(1, NumCalls + 1), IsRetried: random.Next(2) == 0);
        await using var trial = new RequestTrial(fixture.NewConnectionString(), options);

        await trial.RunAsync();
    }

    /// <summary>The answer of such a request is lost, and must not be kept as an empty one.</summary>
    [Fact]
    public async Task Requests_that_are_cut_off_in_their_last_calls_are_answered_when_they_come_back()
    {
        foreach (int call in new[] { 238, 239 })
        {
            await using var trial = new RequestTrial(fixture.NewConnectionString(), new TrialOptions(Fault.Drain, call));
            await trial.RunAsync();
        }
    }
}
