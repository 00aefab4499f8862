using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Schedules;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Testing;

/// <summary>
/// A schedule that is fired once a simulated minute by two hosts at once. By the seed, a host is down for a minute, sees another second
/// than the other, or is killed at a call to storage.
/// </summary>
public sealed class ScheduleTrial
{
    private const string Tenant = "tenant";
    private const int MaxCalls = 40;

    private readonly string _connectionString;
    private readonly Random _random;
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 30, TimeSpan.Zero));

    public ScheduleTrial(string connectionString, int seed) => (_connectionString, _random) = (connectionString, new Random(seed));

    /// <summary>Hosts that were killed.</summary>
    public int Kills { get; private set; }

    /// <returns>The minutes of the jobs that were made and of the outcomes that say so, in order.</returns>
    /// <param name="occurrences">Minutes that pass.</param>
    public async Task<(IReadOnlyList<DateTimeOffset> Jobs, IReadOnlyList<DateTimeOffset> Runs)> RunAsync(
        int occurrences, CancellationToken cancellation)
    {
        await using var services = NewHost(new FaultyTransport(Fault.None, 0), _time);
        var (schedules, jobs) = (services.GetRequiredService<ScheduleStore>(), services.GetRequiredService<FineTuningStore>());
        var schedule = await PrepareAsync(services, cancellation);
        int minute = 0;
        while (minute < occurrences || schedule.NumWaiting > 0)
        {
            if (minute++ < occurrences)
                _time.Advance(TimeSpan.FromMinutes(1));
            int numHosts = _random.Next(8) == 0 ? 1 : 2;
            await Task.WhenAll(Enumerable.Range(0, numHosts).Select(_ => Task.Run(NewFiring(cancellation), cancellation)));
            await foreach (var (_, job) in jobs.Open.ListJobsAsync(tenant: null, cancellation))
                await EndAsync(jobs, job, cancellation);
            schedule = (await schedules.Records.FindAsync(Tenant, schedule.RowKey, cancellation))!;
        }
        var made = await jobs.Records.ListAsync(Tenant, after: null, cancellation).ToListAsync(cancellation);
        var runs = await schedules.Runs.ListAsync(ScheduleRunRecord.Partition(schedule), after: null, cancellation)
            .Where(run => run.Status == ScheduleRunStatus.JobCreated).ToListAsync(cancellation);
        return ([.. made.Select(job => runs.Single(run => run.RowKey == job.RowKey).DueAt).Order()],
            [.. runs.Select(run => run.DueAt).Order()]);
    }

    /// <summary>The minutes for which there must be one job each.</summary>
    public static IEnumerable<DateTimeOffset> Expected(int occurrences) =>
        Enumerable.Range(1, occurrences).Select(minute => new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddMinutes(minute));

    /// <summary>A host, settled by the seed before any of them runs.</summary>
    private Func<Task> NewFiring(CancellationToken cancellation)
    {
        var fault = _random.Next(4) == 0 ? _random.Next(2) == 0 ? Fault.KillBefore : Fault.KillAfter : Fault.None;
        var transport = new FaultyTransport(fault, _random.Next(1, MaxCalls));
        var clock = new FakeTimeProvider(_time.GetUtcNow().AddSeconds(_random.Next(-20, 20)));
        return async () =>
        {
            await using var host = NewHost(transport, clock);
            try
            {
                await host.GetRequiredService<ScheduleTimer>().RunAsync(cancellation);
            }
            catch (KilledException)
            {
                // As it was meant to.
            }
            lock (_random)
                Kills += transport.IsDead ? 1 : 0;
        };
    }

    private ServiceProvider NewHost(FaultyTransport transport, TimeProvider clock)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(new Dictionary<string, string?> { ["Storage:ConnectionString"] = _connectionString }).Build();
        return new ServiceCollection().AddLogging().AddFunctions(configuration)
            .AddSingleton(clock)
            .AddSingleton(transport.Account(_connectionString, clock, client => client.Retry.MaxRetries = 0))
            .BuildServiceProvider();
    }

    private async Task<ScheduleRecord> PrepareAsync(ServiceProvider services, CancellationToken cancellation)
    {
        var storage = services.GetRequiredService<StorageAccount>();
        await storage.EnsureCreatedAsync([StorageNames.DefaultProfile], cancellation);
        await services.GetRequiredService<ContainerBindings>().BindAsync(Tenant, "corpus", "documents", accountUrl: null, cancellation);
        await storage.Container("documents").CreateIfNotExistsAsync(cancellationToken: cancellation);
        await storage.Container("documents").GetBlobClient("in/a.jsonl")
            .UploadAsync(BinaryData.FromString("{}"), overwrite: true, cancellation);
        var schedule = new ScheduleRecord
        {
            PartitionKey = Tenant,
            RowKey = SortableKey.Create(_time),
            NextAt = Expected(1).Single(),
            Definition = """
                {"cron":"* * * * *","time_zone":"UTC","job":{"model":"model"},"start_from":"last_result",
                "training_data":{"container":"corpus","prefix":"in/","select":"all"},"overlap":"queue","missed":"all"}
                """,
        };
        await services.GetRequiredService<ScheduleStore>().Records.AddAsync(schedule, cancellation);
        return schedule;
    }

    private static async Task EndAsync(FineTuningStore jobs, FineTuningJobRecord job, CancellationToken cancellation)
    {
        await jobs.UpdateAsync(job, current =>
        {
            (current.Status, current.FineTunedModel) = (FineTuningStatus.Succeeded, FineTunedModels.NameOf(current));
            return true;
        }, cancellation);
        await jobs.Open.DeleteAsync(job.Key, cancellation);
    }
}
