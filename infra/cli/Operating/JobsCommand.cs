using System.CommandLine;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>Batches and fine-tuning jobs of all tenants.</summary>
internal static class JobsCommand
{
    private const int DefaultLimit = 50;

    public static Command Create()
    {
        var target = new StorageTarget();
        var group = new Command("jobs", "Batches and fine-tuning jobs: list, show, cancel") { List(target), Show(target), Cancel(target) };
        target.AddTo(group);
        return group;
    }

    private static Argument<string> Id() => new("id") { Description = "batch_... or ftjob-..." };

    private static Option<string?> Tenant() => new("--tenant") { Description = "Of this one alone" };

    private static Command List(StorageTarget target)
    {
        var tenant = Tenant();
        var all = new Option<bool>("--all") { Description = "Those that have ended as well" };
        var limit = new Option<int>("--limit") { Description = "Of the newest, with --all", DefaultValueFactory = _ => DefaultLimit };
        var command = new Command("list", "Lists jobs that have something left to do, newest first") { tenant, all, limit };
        command.SetAction(async (parse, cancellation) =>
        {
            if (parse.GetValue(limit) < 1)
                throw new OperatorException("--limit must be at least 1");
            var jobs = new Jobs(target.Connect(parse), TimeProvider.System);
            var found = parse.GetValue(all) ? await jobs.ListAllAsync(parse.GetValue(tenant), parse.GetValue(limit), cancellation) : await jobs.ListActiveAsync(parse.GetValue(tenant), cancellation);
            var now = TimeProvider.System.GetUtcNow();
            target.Report(parse).Table(
                found, ("ID", job => job.Id), ("TENANT", job => job.Tenant), ("STATUS", job => job.Status), ("AGE", job => now - job.CreatedAt), ("DONE", Done), ("MODEL", job => job.Model),
                ("REASON", job => job.Reason));
        });
        return command;
    }

    private static Command Show(StorageTarget target)
    {
        var (id, tenant) = (Id(), Tenant());
        var command = new Command("show", "Tells what is known of a job: its faults, what its shards have come to, its last events") { id, tenant };
        command.SetAction(async (parse, cancellation) =>
        {
            var (storage, report) = (target.Connect(parse), target.Report(parse));
            var job = await new Jobs(storage, TimeProvider.System).FindAsync(parse.GetRequiredValue(id), parse.GetValue(tenant), cancellation);
            if (job is BatchRecord batch)
                report.Properties(await BatchDetails.FromAsync(batch, storage, TimeProvider.System, cancellation));
            else
                report.Properties(await TrainingDetails.FromAsync((FineTuningJobRecord)job, storage, TimeProvider.System, cancellation));
        });
        return command;
    }

    private static Command Cancel(StorageTarget target)
    {
        var (id, tenant) = (Id(), Tenant());
        var command = new Command("cancel", "Cancels a job as its tenant could: what is finished is kept") { id, tenant };
        command.SetAction(async (parse, cancellation) =>
        {
            var jobs = new Jobs(target.Connect(parse), TimeProvider.System);
            var cancelled = await jobs.CancelAsync(await jobs.FindAsync(parse.GetRequiredValue(id), parse.GetValue(tenant), cancellation), cancellation);
            target.Report(parse).Tell(cancelled, $"{cancelled.Id} is {cancelled.Status}");
        });
        return command;
    }

    private static string? Done(JobView job) => job.Total == 0 ? null : $"{job.Done}/{job.Total}{(job.Failed > 0 ? $", {job.Failed} failed" : "")}";
}
