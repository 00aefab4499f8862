using System.Diagnostics;
using LLaDA.Batch.Benchmarks.Pipeline;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Benchmarks.Fairness;

/// <summary>
/// The waiting time of a tenant's small requests beside the largest work of another one, on a local stack of its own for each scenario,
/// and what the other one gets done meanwhile and after.
/// </summary>
internal static class FairnessBenchmark
{
    /// <summary>Between two requests of the victim.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    /// <summary>Lines above the limit would be refused at once, and attack no one.</summary>
    private static readonly Dictionary<string, string> s_settings = new() { ["Limits__MaxLineWork"] = "1000000000" };

    public static IReadOnlyList<Scenario> Scenarios { get; } =
    [
        new("idle", Victims.OneGap, []),
        .. WorkerAttacks.All.Select(attack => new Scenario(attack.Name, Victims.OneGap, [attack])),
        new(WorkerAttacks.Lines.Name, Victims.OneGap, [WorkerAttacks.Lines]),
        new("all of the worker at once", Victims.OneGap, WorkerAttacks.All),
        new("everything at once", Victims.OneGap, [.. WorkerAttacks.All, FunctionsAttacks.Plans, FunctionsAttacks.Webhooks]),
        new("idle plans", FunctionsVictims.Plan, []),
        new(FunctionsAttacks.Plans.Name, FunctionsVictims.Plan, [FunctionsAttacks.Plans]),
        new("idle webhooks", FunctionsVictims.Webhook, []),
        new(FunctionsAttacks.Webhooks.Name, FunctionsVictims.Webhook, [FunctionsAttacks.Webhooks]),
        new("idle trainings", FunctionsVictims.Training, []),
        new("a training behind " + WorkerAttacks.Trainings.Name, FunctionsVictims.Training, [WorkerAttacks.Trainings]),
    ];

    /// <param name="names">Parts of the scenarios' names; none for all.</param>
    /// <param name="requests">Of the victim in each scenario.</param>
    /// <param name="headStart">How long the attacks run before the first.</param>
    public static async Task RunAsync(
        IReadOnlyList<string> names, int requests, TimeSpan headStart, FileInfo? json, CancellationToken cancellation)
    {
        List<object> waits = [], throughputs = [];
        Console.WriteLine("| beside | victim | n | 50 % | 95 % | 99 % |\n| --- | --- | --- | --- | --- | --- |");
        foreach (var scenario in Scenarios.Where(scenario => names.Count == 0 || names.Any(scenario.Name.Contains)))
        {
            var (seconds, throughput) = await MeasureAsync(scenario, requests, headStart, cancellation);
            double At(double share) => seconds[Math.Clamp((int)Math.Ceiling(share * seconds.Count) - 1, 0, seconds.Count - 1)];
            Console.WriteLine($"| {scenario.Name} | {scenario.Victim.Name} | {requests} | {At(0.5):F1} | {At(0.95):F1} | {At(0.99):F1} |");
            var (beside, victim) = (scenario.Name, scenario.Victim.Name);
            waits.Add(new { beside, victim, requests, P50 = At(0.5), P95 = At(0.95), P99 = At(0.99) });
            foreach (var (attack, during, alone) in throughput)
            {
                Console.WriteLine($"  {attack.Name}: {during:G3} {attack.Unit} a minute beside the victim, {alone:G3} alone");
                double? share = alone > 0 ? during / alone : null;
                throughputs.Add(new { beside, Attack = attack.Name, attack.Unit, during, alone, share });
            }
            if (json is not null)
                ResultFile.Write(json.FullName, new { waits, throughputs });
        }
    }

    /// <returns>The victim's seconds, ascending, and each attack's units a minute beside the victim and after it.</returns>
    private static async Task<(IReadOnlyList<double> Seconds, IReadOnlyList<(Attack Attack, double Beside, double Alone)>)> MeasureAsync(
        Scenario scenario, int requests, TimeSpan headStart, CancellationToken cancellation)
    {
        string folder = Directory.CreateTempSubdirectory("llada-fairness-").FullName;
        try
        {
            await using var stack = await LocalStack.StartAsync(
                new LocalStackOptions(folder, Settings: s_settings), Console.Error.WriteLine, cancellation);
            using var client = new BatchClient(stack.CreateClient());
            string model = (await client.ModelsAsync(cancellation))[0];
            using var victim = await TenantClient.CreateAsync(stack, "victim", model, cancellation);
            using var attacker = await TenantClient.CreateAsync(stack, "attacker", model, cancellation);
            var requestAsync = await scenario.Victim.PrepareAsync(victim, cancellation);
            await requestAsync(cancellation);

            List<Func<CancellationToken, Task<double>>> meters = [];
            foreach (var attack in scenario.Attacks)
                meters.Add(await attack.StartAsync(attacker, cancellation));
            if (meters.Count > 0)
                await Task.Delay(headStart, cancellation);

            long started = Stopwatch.GetTimestamp();
            double[] before = await ReadAsync(meters, cancellation);
            List<double> seconds = [];
            while (seconds.Count < requests)
            {
                long sent = Stopwatch.GetTimestamp();
                await requestAsync(cancellation);
                seconds.Add(Stopwatch.GetElapsedTime(sent).TotalSeconds);
                await Console.Error.WriteLineAsync($"  request {seconds.Count} waited {seconds[^1]:F1} s");
                await Task.Delay(s_pause, cancellation);
            }
            double[] between = await ReadAsync(meters, cancellation);
            var period = Stopwatch.GetElapsedTime(started);
            if (meters.Count > 0)
                await Task.Delay(period, cancellation);
            double[] after = await ReadAsync(meters, cancellation);
            double minutes = period.TotalMinutes;
            return ([.. seconds.Order()], [.. scenario.Attacks.Select((attack, index) => (
                attack, (between[index] - before[index]) / minutes, (after[index] - between[index]) / minutes))]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<double[]> ReadAsync(List<Func<CancellationToken, Task<double>>> meters, CancellationToken cancellation) =>
        await Task.WhenAll(meters.Select(meter => meter(cancellation)));
}
