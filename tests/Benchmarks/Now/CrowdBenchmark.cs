using System.Diagnostics;
using LLaDA.Batch.Benchmarks.Fairness;
using LLaDA.Batch.Benchmarks.Pipeline;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Benchmarks.Now;

/// <summary>
/// The time of a tenant's answer at once beside a crowd of them of another tenant, on one local stack, and what the crowd gets done beside
/// it and alone.
/// </summary>
internal static class CrowdBenchmark
{
    private const int WarmupRequests = 3;

    /// <summary>Between two requests of the victim.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    /// <param name="connections">Of the crowd, one scenario each.</param>
    /// <param name="requests">Of the victim in each scenario.</param>
    /// <param name="headStart">How long a crowd runs before the first.</param>
    /// <param name="alone">How long it is counted without the victim.</param>
    public static async Task RunAsync(
        IReadOnlyList<int> connections, int requests, TimeSpan headStart, TimeSpan alone, FileInfo? json, CancellationToken cancellation)
    {
        string folder = Directory.CreateTempSubdirectory("llada-crowd-").FullName;
        try
        {
            await using var stack = await LocalStack.StartAsync(new LocalStackOptions(folder), Console.Error.WriteLine, cancellation);
            using var client = new BatchClient(stack.CreateClient());
            string model = (await client.ModelsAsync(cancellation))[0];
            using var victim = await TenantClient.CreateAsync(stack, "victim", model, cancellation);
            using var tenant = await TenantClient.CreateAsync(stack, "crowd", model, cancellation);
            await AskAsync(victim, WarmupRequests, cancellation);

            List<object> waits = [], answers = [];
            Console.WriteLine("| beside | requests | 50 %, s | 95 %, s | longest, s |\n| --- | --- | --- | --- | --- |");
            await MeasureAsync("nothing");
            foreach (int count in connections)
            {
                await using var crowd = new Crowd(tenant, count);
                await Task.Delay(headStart, cancellation);
                var (started, before) = (Stopwatch.GetTimestamp(), crowd.Counts);
                await MeasureAsync($"a crowd of {count}");
                Count(count, "beside the victim", crowd.Counts - before, Stopwatch.GetElapsedTime(started));
                (started, before) = (Stopwatch.GetTimestamp(), crowd.Counts);
                await Task.Delay(alone, cancellation);
                if (alone > TimeSpan.Zero)
                    Count(count, "alone", crowd.Counts - before, Stopwatch.GetElapsedTime(started));
            }
            if (json is not null)
                ResultFile.Write(json.FullName, new { waits, answers });

            async Task MeasureAsync(string beside)
            {
                var seconds = await AskAsync(victim, requests, cancellation);
                double At(double share) => seconds[Math.Clamp((int)Math.Ceiling(share * seconds.Count) - 1, 0, seconds.Count - 1)];
                Console.WriteLine($"| {beside} | {requests} | {At(0.5):F2} | {At(0.95):F2} | {seconds[^1]:F2} |");
                waits.Add(new { beside, requests, At50 = At(0.5), At95 = At(0.95), Longest = seconds[^1] });
            }

            void Count(int crowd, string when, CrowdCounts counts, TimeSpan time)
            {
                var (answered, refused) = (counts.Answered / time.TotalMinutes, counts.Refused / time.TotalMinutes);
                Console.WriteLine($"  the crowd of {crowd} {when}: {answered:F0} answers and {refused:F0} refusals a minute");
                answers.Add(new { crowd, when, seconds = time.TotalSeconds, answered, refused });
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <returns>The seconds of each request, ascending.</returns>
    private static async Task<IReadOnlyList<double>> AskAsync(TenantClient victim, int requests, CancellationToken cancellation)
    {
        List<double> seconds = [];
        for (int number = 1; number <= requests; number++)
        {
            long sent = Stopwatch.GetTimestamp();
            await victim.PostAsync("/v1/infill", new { model = victim.Model, text = $"In the {number}. year [MASK:16]." }, cancellation);
            seconds.Add(Stopwatch.GetElapsedTime(sent).TotalSeconds);
            await Task.Delay(s_pause, cancellation);
        }
        return [.. seconds.Order()];
    }
}
