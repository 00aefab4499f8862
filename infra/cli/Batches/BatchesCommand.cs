using System.CommandLine;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client.Batches;

namespace LLaDA.Batch.Cli.Batches;

/// <summary>Batches of the tenant.</summary>
internal static class BatchesCommand
{
    private const string IdForm = "batch_...";

    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("batches", "Batches: run, list, show, watch, results, retry, cancel, delete")
        {
            RunBatchCommand.Create(target),
            List(target),
            ServiceCommands.Show(
                target, "Shows a batch", IdForm, (client, id, cancellation) => client.Batches.GetAsync(id, cancellation)),
            Watch(target),
            Results(target),
            Retry(target),
            ServiceCommands.Change(
                target, "cancel", "Cancels a batch and keeps its finished lines", IdForm,
                (client, id, cancellation) => client.Batches.CancelAsync(id, cancellation), batch => batch.Status),
            ServiceCommands.Delete(
                target, "Deletes an ended batch", IdForm, (client, id, cancellation) => client.Batches.DeleteAsync(id, cancellation)),
        };
        target.AddTo(group);
        return group;
    }

    private static Command List(ServiceTarget target)
    {
        var status = new Option<string?>("--status") { Description = "Only in these states, separated by commas" };
        var model = new Option<string?>("--model", "-m") { Description = "Only of this model" };
        var metadata = new NameValues("--metadata", "Only with this text of your own; may be repeated");
        var command = ServiceCommands.List(
            target, "list", "Lists batches, newest first",
            (client, parse, cancellation) => client.Batches.ListAsync(
                new BatchFilter { Status = parse.GetValue(status), Model = parse.GetValue(model), Metadata = metadata.Find(parse) },
                cancellation),
            ServiceCommands.Limit(),
            ("ID", batch => batch.Id), ("STATUS", batch => batch.Status),
            ("DONE", batch => $"{batch.RequestCounts.Completed}/{batch.RequestCounts.Total}"),
            ("FAILED", batch => batch.RequestCounts.Failed), ("AGE", batch => ServiceCommands.Age(batch.CreatedAt)),
            ("MODEL", batch => batch.Model), ("ENDPOINT", batch => batch.Endpoint));
        foreach (Option option in new Option[] { status, model, metadata.Option })
            command.Options.Add(option);
        return command;
    }

    private static Command Watch(ServiceTarget target)
    {
        var id = ServiceCommands.Id(IdForm);
        var status = new Option<bool>("--exit-status") { Description = "Exit with 5 when lines failed or the batch did not complete" };
        var command = new Command("watch", "Follows a batch to its end; Ctrl-C stops the following only") { id, status };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            var shell = target.Shell(parse);
            var batch = await BatchWatch.RunAsync(client, parse.GetRequiredValue(id), shell, cancellation);
            BatchWatch.SayFaults(batch, shell);
            shell.Result(batch, BatchWatch.Outcome(batch));
            return parse.GetValue(status) ? BatchWatch.ExitCodeOf(batch) : ExitCodes.Done;
        });
        return command;
    }

    private static Command Results(ServiceTarget target)
    {
        var id = ServiceCommands.Id(IdForm);
        var errors = new Option<bool>("--errors") { Description = "Failed lines only" };
        var limit = new Option<int?>("--limit", "-n") { Description = "At most so many lines" };
        var after = new Option<int?>("--after") { Description = "Lines with a higher number" };
        var command = new Command("results", "Prints the lines of a batch with their requests and answers, as JSON Lines")
        {
            id, errors, limit, after,
        };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            var shell = target.Shell(parse);
            var lines = client.Batches.ResultsAsync(
                parse.GetRequiredValue(id), parse.GetValue(errors) ? "failed" : null, parse.GetValue(after), parse.GetValue(limit),
                cancellation);
            await foreach (var line in lines)
                shell.Json(line);
        });
        return command;
    }

    private static Command Retry(ServiceTarget target)
    {
        var id = ServiceCommands.Id(IdForm);
        var codes = new Option<string[]>("--code") 
        {
            Description = "Only lines that failed with this code; may be repeated",
            DefaultValueFactory = _ => [],
        };
        var command = new Command("retry", "Runs the failed lines of an ended batch again, as a new batch") { id, codes };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            string[] chosen = parse.GetValue(codes)!;
            var batch = await client.Batches.RetryAsync(parse.GetRequiredValue(id), chosen.Length == 0 ? null : chosen, cancellation);
            target.Shell(parse).Result(batch, batch.Id);
        });
        return command;
    }
}
