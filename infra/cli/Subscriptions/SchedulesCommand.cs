using System.CommandLine;
using LLaDA.Batch.Cli.Service;

namespace LLaDA.Batch.Cli.Subscriptions;

/// <summary>Schedules of the tenant.</summary>
internal static class SchedulesCommand
{
    private const string IdForm = "sched_...";

    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("schedules", "Schedules of fine-tuning: list, runs, pause, resume, delete")
        {
            ServiceCommands.List(
                target, "list", "Lists schedules, newest first", (client, _, cancellation) => client.Schedules.ListAsync(cancellation),
                limit: null,
                ("ID", schedule => schedule.Id), ("STATUS", schedule => schedule.Status), ("NEXT", schedule => schedule.NextRunAt),
                ("CRON", schedule => schedule.Cron), ("TIME ZONE", schedule => schedule.TimeZone),
                ("LAST JOB", schedule => schedule.LastJob)),
            Runs(target),
            ServiceCommands.Change(
                target, "pause", "Pauses a schedule", IdForm, (client, id, cancellation) => client.Schedules.PauseAsync(id, cancellation),
                schedule => schedule.Status),
            ServiceCommands.Change(
                target, "resume", "Resumes a schedule with its next time", IdForm,
                (client, id, cancellation) => client.Schedules.ResumeAsync(id, cancellation), schedule => schedule.Status),
            ServiceCommands.Delete(
                target, "Deletes a schedule; its jobs and models stay", IdForm,
                (client, id, cancellation) => client.Schedules.DeleteAsync(id, cancellation)),
        };
        target.AddTo(group);
        return group;
    }

    private static Command Runs(ServiceTarget target)
    {
        var id = ServiceCommands.Id(IdForm);
        var command = ServiceCommands.List(
            target, "runs", "Lists what became of each due time, newest first",
            (client, parse, cancellation) => client.Schedules.RunsAsync(parse.GetRequiredValue(id), cancellation), ServiceCommands.Limit(),
            ("DUE", run => run.DueAt), ("STATUS", run => run.Status), ("JOB", run => run.FineTuningJob),
            ("REASON", run => run.Message ?? run.Reason));
        command.Arguments.Add(id);
        return command;
    }
}
