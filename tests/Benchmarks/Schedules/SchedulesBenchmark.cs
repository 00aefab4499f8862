using LLaDA.Batch.Local;

namespace LLaDA.Batch.Benchmarks.Schedules;

/// <summary>Whether every occurrence of a schedule becomes one job while two hosts fire it and are killed.</summary>
internal static class SchedulesBenchmark
{
    /// <returns>Whether all is as it must be.</returns>
    public static async Task<bool> RunAsync(int occurrences, int seed, CancellationToken cancellation)
    {
        string logs = Directory.CreateTempSubdirectory("llada-schedules-").FullName;
        try
        {
            await using var storage = await AzuriteServer.StartInMemoryAsync(["account000"], logs, _ => { }, cancellation);
            var trial = new ScheduleTrial(storage.ConnectionString("account000"), seed);
            var (jobs, runs) = await trial.RunAsync(occurrences, cancellation);
            bool isGood = jobs.SequenceEqual(ScheduleTrial.Expected(occurrences)) && runs.SequenceEqual(jobs);
            Console.WriteLine(
                $"{occurrences} occurrences, two hosts, {trial.Kills} of them killed, seed {seed}: {jobs.Count} jobs, {runs.Count} "
                + $"outcomes; {(isGood ? "one for each" : "NOT one for each")}");
            return isGood;
        }
        finally
        {
            Directory.Delete(logs, recursive: true);
        }
    }
}
