using System.CommandLine;
using System.Net.Http.Headers;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Batch.Local;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Benchmarks.Soak;

/// <summary>Mixed work of eight tenants on the real processes, one of which is killed every ten seconds.</summary>
internal static class SoakCommand
{
    private const int NumTenants = 8;
    private static readonly TimeSpan s_killInterval = TimeSpan.FromSeconds(10), s_poll = TimeSpan.FromSeconds(2);
    private static readonly string[] s_programs = [StackSignals.Functions, StackSignals.Worker, StackSignals.Azurite];

    /// <summary>As short as storage allows, so that the leases and messages of a dead process expire soon.</summary>
    private static readonly Dictionary<string, string> s_settings = new()
    {
        ["Worker__LeaseDuration"] = "00:00:15",
        ["Triggers__VisibilityTimeout"] = "00:00:05",
        ["Triggers__Concurrency"] = "4",
    };

    private sealed record KillRow(string Program, int Kills);

    public static Command Create(Option<int> seed, Option<FileInfo?> json)
    {
        var minutes = new Option<double>("--minutes") { Description = "Minutes of work and kills", DefaultValueFactory = _ => 60 };
        var drain = new Option<double>("--drain")
        {
            Description = "Minutes that all jobs may take to end once the kills are over", DefaultValueFactory = _ => 15,
        };
        var command = new Command("soak", "Mixed work of eight tenants, and a process killed every ten seconds")
        {
            minutes, drain, seed, json,
        };
        command.SetAction(async (parse, cancellation) =>
        {
            string folder = Directory.CreateTempSubdirectory("llada-soak-").FullName;
            bool isGood = await RunAsync(
                folder, TimeSpan.FromMinutes(parse.GetValue(minutes)), TimeSpan.FromMinutes(parse.GetValue(drain)),
                parse.GetValue(seed), parse.GetValue(json), cancellation);
            if (isGood)
                Directory.Delete(folder, recursive: true);
            else
                Console.WriteLine($"Data and logs are in {folder}");
            return isGood ? 0 : 1;
        });
        return command;
    }

    private static async Task<bool> RunAsync(
        string folder, TimeSpan time, TimeSpan drain, int seed, FileInfo? json, CancellationToken cancellation)
    {
        var random = new Random(seed);
        await using var stack = await LocalStack.StartAsync(new LocalStackOptions(folder, Settings: s_settings), _ => { }, cancellation);
        var keys = new ApiKeys(
            new StorageAccount(new StorageOptions { ConnectionString = stack.ConnectionString }), TimeProvider.System);
        List<SoakTenant> tenants = [];
        for (int number = 1; number <= NumTenants; number++)
        {
            string key = await keys.CreateAsync($"tenant-{number}", "soak", cancellation);
            var http = new HttpClient { BaseAddress = new Uri(stack.Address), Timeout = TimeSpan.FromSeconds(30) };
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            tenants.Add(new SoakTenant(new SoakClient(http), "llada-tiny-base", new Random(random.Next())));
        }
        await Task.Delay(s_killInterval, cancellation);     // Until Azurite has saved the keys.

        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        end.CancelAfter(time);
        var saves = new AzuriteSaves(Path.Combine(stack.DataFolder, "storage"));
        var watching = saves.WatchAsync(end.Token);
        var working = Task.WhenAll(tenants.Select(tenant => tenant.RunAsync(end.Token)));
        var kills = await KillAsync(stack, random, end.Token);
        await working;
        await watching;
        var waited = await DrainAsync(tenants, drain, cancellation);

        var check = new SoakCheck(kills, saves);
        var rows = await check.RunAsync(tenants, cancellation);
        KillRow[] killed = [.. s_programs.Select(program => new KillRow(program, kills.Count(kill => kill.Program == program)))];
        SavesRow[] saved = [.. saves.Summary];
        Report(rows, killed, saved, check, waited);
        if (json is not null)
            ResultFile.Write(json.FullName, new { jobs = rows, kills = killed, saves = saved });
        tenants.ForEach(tenant => tenant.Client.Dispose());
        return check.Violations.Count == 0;
    }

    private static async Task<List<Kill>> KillAsync(LocalStack stack, Random random, CancellationToken stop)
    {
        List<Kill> kills = [];
        using var timer = new PeriodicTimer(s_killInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                string program = s_programs[random.Next(s_programs.Length)];
                StackSignals.Kill(program, stack);
                kills.Add(new Kill(program, TimeProvider.System.GetUtcNow()));
            }
        }
        catch (OperationCanceledException)
        {
            // The time is over.
        }
        return kills;
    }

    /// <summary>Waits until every job that the service knows has ended, as long as it may take.</summary>
    private static async Task<TimeSpan> DrainAsync(IReadOnlyList<SoakTenant> tenants, TimeSpan limit, CancellationToken cancellation)
    {
        var started = TimeProvider.System.GetUtcNow();
        while (TimeProvider.System.GetUtcNow() - started < limit)
        {
            bool hasOpen = false;
            foreach (var tenant in tenants)
            {
                foreach (string path in new[] { "/v1/batches", "/v1/fine_tuning/jobs" })
                    hasOpen = hasOpen || (await tenant.Client.ListAsync(path, cancellation)).Any(job => !SoakTenant.HasEnded(job));
            }
            if (!hasOpen)
                break;
            await Task.Delay(s_poll, cancellation);
        }
        return TimeProvider.System.GetUtcNow() - started;
    }

    private static void Report(
        IReadOnlyList<SoakRow> rows, KillRow[] kills, SavesRow[] saves, SoakCheck check, TimeSpan waited)
    {
        foreach (var row in rows)
            Console.WriteLine(row);
        foreach (var database in saves)
            Console.WriteLine(database);
        Console.WriteLine($"Gone and saved: {rows.Sum(row => row.Lost)}, gone and not saved: {rows.Sum(row => row.Forgotten)}");
        Console.WriteLine($"Kills: {string.Join(", ", kills.Select(kill => $"{kill.Program} {kill.Kills}"))}");
        Console.WriteLine($"All jobs had ended {waited.TotalSeconds:F0} s after the last kill");
        foreach (string failure in check.Failures)
            Console.WriteLine($"Failed: {failure}");
        foreach (string violation in check.Violations)
            Console.WriteLine($"VIOLATION: {violation}");
        bool isGood = check.Violations.Count == 0;
        Console.WriteLine(isGood ? "Every line once, every job ended, nothing acknowledged missing" : "NOT as it must be");
    }
}
