using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Benchmarks.Faults;

/// <summary>Batches of 14 lines through every fault.</summary>
internal sealed class BatchMatrix(TinyModel model, TensorThread tensors, TrialAccounts accounts)
{
    public async Task<int> RunAsync(IEnumerable<Fault> faults, int numTrials, int seed, CancellationToken cancellation)
    {
        var storage = new StorageAccount(new StorageOptions { ConnectionString = await accounts.NewAsync() });
        using var models = TinyModel.NewHost(model.Folder, tensors, storage);
        int calls = 0;
        async Task<string> TrialAsync(TrialOptions options)
        {
            await using var trial = new BatchTrial(await accounts.NewAsync(), models, TinyModel.Id, options);
            calls = await trial.RunAsync();
            return trial.HitIn ?? "not reached";
        }

        await TrialAsync(new TrialOptions(Fault.None, 0));
        return await FaultMatrix.RunAsync("Batches", Kinds([.. faults]), calls, numTrials, seed, TrialAsync, cancellation);
    }

    private static IEnumerable<FaultKind<TrialOptions>> Kinds(Fault[] faults)
    {
        Fault Any(Random random) => faults[random.Next(faults.Length)];
        foreach (var fault in faults)
            yield return new($"{fault}", (call, random) => new TrialOptions(fault, call, IsRetried: random.Next(2) == 0));
        yield return new("every message twice", (call, _) => new TrialOptions(Fault.None, call, IsTwice: true));
        yield return new("two workers", (call, _) => new TrialOptions(Fault.None, call, HasTwoWorkers: true));
        yield return new("any fault, every message twice, two workers", (call, random) =>
            new TrialOptions(Any(random), call, IsRetried: random.Next(2) == 0, IsTwice: true, HasTwoWorkers: random.Next(2) == 0));
        yield return new("any fault in a batch that is cancelled", (call, random) =>
            new TrialOptions(
                Any(random), call, IsRetried: random.Next(2) == 0, IsTwice: random.Next(2) == 0,
                HasTwoWorkers: random.Next(2) == 0, IsCancelled: true));
    }
}
