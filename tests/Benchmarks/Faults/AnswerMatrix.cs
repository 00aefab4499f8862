using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Benchmarks.Faults;

/// <summary>Answers at once through every fault.</summary>
internal sealed class AnswerMatrix(TinyModel model, TensorThread tensors, TrialAccounts accounts)
{
    public async Task<int> RunAsync(IReadOnlyList<Fault> faults, int numTrials, int seed, CancellationToken cancellation)
    {
        var storage = new StorageAccount(new StorageOptions { ConnectionString = await accounts.NewAsync() });
        using var models = TinyModel.NewHost(model.Folder, tensors, storage);
        int calls = 0;
        async Task<string> TrialAsync(TrialOptions options)
        {
            await using var trial = new AnswerTrial(await accounts.NewAsync(), models, TinyModel.Id, options);
            calls = await trial.RunAsync();
            return trial.HitIn ?? "not reached";
        }

        await TrialAsync(new TrialOptions(Fault.None, 0));
        return await FaultMatrix.RunAsync("Answers at once", Kinds(faults), calls, numTrials, seed, TrialAsync, cancellation);
    }

    private static IEnumerable<FaultKind<TrialOptions>> Kinds(IReadOnlyList<Fault> faults)
    {
        foreach (var fault in faults)
            yield return new($"{fault}", (call, random) => new TrialOptions(fault, call, IsRetried: random.Next(2) == 0));
        yield return new("any fault, every message twice", (call, random) =>
            new TrialOptions(faults[random.Next(faults.Count)], call, IsRetried: random.Next(2) == 0, IsTwice: true));
    }
}
