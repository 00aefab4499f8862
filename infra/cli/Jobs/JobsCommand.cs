using System.CommandLine;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Cli.Jobs;

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

    private static Option<string?> Tenant() => new("--tenant") { Description = "Only jobs of this tenant" };

    private static Command List(StorageTarget target)
    {
        var tenant = Tenant();
        var all = new Option<bool>("--all") { Description = "Ended jobs as well" };
        var limit = new Option<int>("--limit")
        {
            Description = "Most jobs with --all, the newest ones",
            DefaultValueFactory = _ => DefaultLimit,
        };
        var command = new Command("list", "Lists jobs that have not ended, newest first") { tenant, all, limit };
        command.SetAction(async (parse, cancellation) =>
        {
            int most = parse.GetValue(limit);
            if (most < 1)
                throw new OperatorException("--limit must be at least 1");
            string? only = parse.GetValue(tenant);
            var storage = target.Connect(parse);
            var jobs = new AllJobs(storage, storage.Time);
            var found = parse.GetValue(all)
                ? await jobs.ListAllAsync(only, most, cancellation)
                : await jobs.ListActiveAsync(only, cancellation);
            var now = storage.Time.GetUtcNow();
            target.Report(parse).Table(
                found, ("ID", job => job.Id), ("TENANT", job => job.Tenant), ("STATUS", job => job.Status),
                ("AGE", job => now - job.CreatedAt), ("DONE", Done), ("MODEL", job => job.Model), ("REASON", job => job.Reason));
        });
        return command;
    }

    private static Command Show(StorageTarget target)
    {
        var (id, tenant) = (Id(), Tenant());
        var command = new Command("show", "Shows a job with its errors, its failing shards and its last events") { id, tenant };
        command.SetAction(async (parse, cancellation) =>
        {
            var (storage, report) = (target.Connect(parse), target.Report(parse));
            var time = storage.Time;
            var job = await new AllJobs(storage, time).FindAsync(parse.GetRequiredValue(id), parse.GetValue(tenant), cancellation);
            if (job is BatchRecord batch)
                report.Properties(await BatchDetails.FromAsync(batch, storage, time, cancellation));
            else
                report.Properties(await FineTuningDetails.FromAsync((FineTuningJobRecord)job, storage, time, cancellation));
        });
        return command;
    }

    private static Command Cancel(StorageTarget target)
    {
        var (id, tenant) = (Id(), Tenant());
        var command = new Command("cancel", "Cancels a job. Finished lines and checkpoints are kept") { id, tenant };
        command.SetAction(async (parse, cancellation) =>
        {
            var storage = target.Connect(parse);
            var jobs = new AllJobs(storage, storage.Time);
            var job = await jobs.FindAsync(parse.GetRequiredValue(id), parse.GetValue(tenant), cancellation);
            var cancelled = await jobs.CancelAsync(job, cancellation);
            target.Report(parse).Result(cancelled, $"{cancelled.Id} is {cancelled.Status}");
        });
        return command;
    }

    private static string? Done(JobView job)
    {
        string failed = job.Failed > 0 ? $", {job.Failed} failed" : "";
        return job.Total == 0 ? null : $"{job.Done}/{job.Total}{failed}";
    }
}
