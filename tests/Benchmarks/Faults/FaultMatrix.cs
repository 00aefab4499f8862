using System.Diagnostics;
using LLaDA.Batch.Worker.Tests.Faults.Trials;
using LLaDA.Batch.Local;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker;
using LLaDA.Batch.Worker.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace LLaDA.Batch.Benchmarks.Faults;

/// <summary>Every fault at every call to storage that a batch makes, and then at random ones, until the number of trials is reached.</summary>
internal static class FaultMatrix
{
    private const int Seed = 1, MaxAccounts = 100_000;

    /// <returns>How many trials failed.</returns>
    public static async Task<int> RunAsync(string model, int numTrials, CancellationToken cancellation)
    {
        string logs = Directory.CreateTempSubdirectory("llada-faults-").FullName;
        using var tensors = new TensorThread();
        string[] accounts = [.. Enumerable.Range(0, Math.Min(MaxAccounts, numTrials + 1)).Select(index => $"trial{index:D6}")];
        await using var azurite = await AzuriteServer.StartAsync(folder: null, accounts, logs, Console.Error.WriteLine, cancellation);
        var worker = new WorkerOptions { ModelsPath = Path.GetDirectoryName(model)! };
        using var cache = new ModelCache(new ModelFolders(new StorageAccount(new StorageOptions { ConnectionString = azurite.ConnectionString(accounts[0]) })), worker, TimeProvider.System, NullLogger<ModelCache>.Instance);
        using var models = new ModelHost(worker, tensors, cache, TimeProvider.System);
        int next = 0;
        async Task<int> TrialAsync(TrialOptions options)
        {
            await using var trial = new BatchTrial(azurite.ConnectionString(accounts[next++]), models, Path.GetFileName(model), options);
            return await trial.RunAsync();
        }

        int calls = await TrialAsync(new TrialOptions(Fault.None, 0));
        Console.WriteLine($"{calls} calls to storage without a fault; seed {Seed}");
        Console.WriteLine($"{"fault",-20} {"trials",8} {"failed",8} {"seconds",8}");
        int failed = 0;
        foreach (var group in Trials(calls, numTrials).GroupBy(options => options.Fault))
        {
            long started = Stopwatch.GetTimestamp();
            int failedHere = 0;
            foreach (var options in group)
            {
                cancellation.ThrowIfCancellationRequested();
                try
                {
                    await TrialAsync(options);
                }
                catch (TrialException failure)
                {
                    failedHere++;
                    Console.WriteLine(failure.Message);
                }
            }
            failed += failedHere;
            Console.WriteLine($"{group.Key,-20} {group.Count(),8} {failedHere,8} {Stopwatch.GetElapsedTime(started).TotalSeconds,8:F0}");
        }
        Directory.Delete(logs, recursive: true);
        return failed;
    }

    private static IEnumerable<TrialOptions> Trials(int calls, int numTrials)
    {
        var random = new Random(Seed);
        Fault[] faults = [.. Enum.GetValues<Fault>().Where(fault => fault != Fault.None)];
        var systematic = faults.SelectMany(fault => Enumerable.Range(1, calls).Select(call => new TrialOptions(fault, call, IsRetried: random.Next(2) == 0)));
        var drawn = Enumerable.Range(0, numTrials).Select(_ => new TrialOptions(
            faults[random.Next(faults.Length)], random.Next(1, (2 * calls) + 1), IsRetried: random.Next(2) == 0, IsTwice: random.Next(2) == 0, IsCancelled: random.Next(3) == 0));
        return systematic.Concat(drawn).Take(numTrials);
    }
}
