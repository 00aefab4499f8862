using System.CommandLine;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Client.Schedules;

namespace LLaDA.Batch.Cli.Subscriptions;

/// <summary>Schedules of the tenant.</summary>
internal static class SchedulesCommand
{
    private const int DefaultLimit = 20;

    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("schedules", "Schedules of fine-tuning: list, runs, pause, resume, delete")
        {
            List(target), Runs(target), Change(target, "pause", (client, id, cancellation) => client.PauseAsync(id, cancellation)),
            Change(target, "resume", (client, id, cancellation) => client.ResumeAsync(id, cancellation)), Delete(target),
        };
        target.AddTo(group);
        return group;
    }

    private static Argument<string> Id() => new("id") { Description = "sched_..." };

    private static Command List(ServiceTarget target)
    {
        var command = new Command("list", "Lists schedules, newest first");
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await target.Shell(parse).RowsAsync(
                client.Schedules.ListAsync(cancellation), int.MaxValue,
                ("ID", schedule => schedule.Id), ("STATUS", schedule => schedule.Status), ("CRON", schedule => schedule.Cron),
                ("TIME ZONE", schedule => schedule.TimeZone), ("NEXT", schedule => schedule.NextRunAt), ("LAST JOB", schedule =>
                    schedule.LastJob));
        });
        return command;
    }

    private static Command Runs(ServiceTarget target)
    {
        var id = Id();
        var limit = new Option<int>("--limit", "-n") { Description = "At most so many", DefaultValueFactory = _ => DefaultLimit };
        var command = new Command("runs", "Lists what became of each due time, newest first") { id, limit };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await target.Shell(parse).RowsAsync(
                client.Schedules.RunsAsync(parse.GetRequiredValue(id), cancellation), parse.GetValue(limit),
                ("DUE", run => run.DueAt), ("STATUS", run => run.Status), ("JOB", run => run.FineTuningJob), ("REASON", run =>
                    run.Message ?? run.Reason));
        });
        return command;
    }

    private static Command Change(
        ServiceTarget target, string verb, Func<SchedulesClient, string, CancellationToken, Task<Schedule>> change)
    {
        var id = Id();
        var command = new Command(verb, verb == "pause" ? "Pauses a schedule" : "Resumes a schedule with its next time") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            var schedule = await change(client.Schedules, parse.GetRequiredValue(id), cancellation);
            target.Shell(parse).Result(schedule, $"{schedule.Id} is {schedule.Status}");
        });
        return command;
    }

    private static Command Delete(ServiceTarget target)
    {
        var id = Id();
        var command = new Command("delete", "Deletes a schedule; its jobs and models stay") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await client.Schedules.DeleteAsync(parse.GetRequiredValue(id), cancellation);
            target.Shell(parse).Say($"{parse.GetRequiredValue(id)} is deleted");
        });
        return command;
    }
}
