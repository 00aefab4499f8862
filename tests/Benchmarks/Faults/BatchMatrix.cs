using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace LLaDA.Batch.Benchmarks.Faults;

/// <summary>Batches of 14 lines through every fault.</summary>
internal sealed class BatchMatrix(TinyModel model, TensorThread tensors, TrialAccounts accounts)
{
    public async Task<int> RunAsync(IEnumerable<Fault> faults, int numTrials, int seed, CancellationToken cancellation)
    {
        var worker = new WorkerOptions { ModelsPath = model.Folder, BatchTokens = 256 };
        using var cache = new ModelCache(
            new ModelFolders(new StorageAccount(new StorageOptions { ConnectionString = await accounts.NewAsync() })),
            worker, TimeProvider.System, NullLogger<ModelCache>.Instance);
        using var models = new ModelHost(worker, tensors, cache, TimeProvider.System);
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
