namespace LLaDA.Batch.Benchmarks.Faults;

/// <summary>A client's requests that write, each with an Idempotency-Key, through every fault.</summary>
internal sealed class RequestMatrix(TrialAccounts accounts)
{
    public async Task<int> RunAsync(IReadOnlyList<Fault> faults, int numTrials, int seed, CancellationToken cancellation)
    {
        int calls = 0;
        async Task<string> TrialAsync(TrialOptions options)
        {
            await using var trial = new RequestTrial(await accounts.NewAsync(), options);
            calls = await trial.RunAsync();
            return trial.HitIn ?? "not reached";
        }

        await TrialAsync(new TrialOptions(Fault.None, 0));
        return await FaultMatrix.RunAsync("Requests", Kinds(faults), calls, numTrials, seed, TrialAsync, cancellation);
    }

    private static IEnumerable<FaultKind<TrialOptions>> Kinds(IReadOnlyList<Fault> faults)
    {
        foreach (var fault in faults)
            yield return new($"{fault}", (call, random) => new TrialOptions(fault, call, IsRetried: random.Next(2) == 0));
        yield return new("any fault, every request twice", (call, random) =>
            new TrialOptions(faults[random.Next(faults.Count)], call, IsRetried: random.Next(2) == 0, IsTwice: true));
    }
}
