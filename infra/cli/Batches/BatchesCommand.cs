using System.CommandLine;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;

namespace LLaDA.Batch.Cli.Batches;

/// <summary>Batches of the tenant.</summary>
internal static class BatchesCommand
{
    private const int DefaultLimit = 20;

    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("batches", "Batches: run, list, show, watch, results, retry, cancel, delete")
        {
            RunBatchCommand.Create(target), List(target), Show(target), Watch(target), Results(target), Retry(target), Cancel(target),
                Delete(target),
        };
        target.AddTo(group);
        return group;
    }

    private static Argument<string> Id() => new("id") { Description = "batch_..." };

    private static Command List(ServiceTarget target)
    {
        var status = new Option<string?>("--status") { Description = "Only in these states, separated by commas" };
        var limit = new Option<int>("--limit", "-n") { Description = "At most so many", DefaultValueFactory = _ => DefaultLimit };
        var command = new Command("list", "Lists batches, newest first") { status, limit };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await target.Shell(parse).RowsAsync(
                client.Batches.ListAsync(parse.GetValue(status), cancellation), parse.GetValue(limit),
                ("ID", batch => batch.Id), ("STATUS", batch => batch.Status),
                ("DONE", batch => $"{batch.RequestCounts.Completed}/{batch.RequestCounts.Total}"),
                ("FAILED", batch => batch.RequestCounts.Failed), ("ENDPOINT", batch => batch.Endpoint), ("MODEL", batch => batch.Model),
                ("CREATED", batch => batch.CreatedAt));
        });
        return command;
    }

    private static Command Show(ServiceTarget target)
    {
        var id = Id();
        var command = new Command("show", "Shows a batch") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            target.Shell(parse).Properties(await client.Batches.GetAsync(parse.GetRequiredValue(id), cancellation));
        });
        return command;
    }

    private static Command Watch(ServiceTarget target)
    {
        var id = Id();
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
        var id = Id();
        var errors = new Option<bool>("--errors") { Description = "Failed lines only" };
        var limit = new Option<int?>("--limit", "-n") { Description = "At most so many lines" };
        var after = new Option<int?>("--after") { Description = "Lines with a higher number" };
        var command = new Command("results", "Prints the lines of a batch with their requests and answers, as JSON Lines") { id, errors,
            limit, after };
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
        var id = Id();
        var codes = new Option<string[]>("--code") { Description = "Only lines that failed with this code; may be repeated",
            DefaultValueFactory = _ => [] };
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

    private static Command Cancel(ServiceTarget target)
    {
        var id = Id();
        var command = new Command("cancel", "Cancels a batch and keeps its finished lines") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            var batch = await client.Batches.CancelAsync(parse.GetRequiredValue(id), cancellation);
            target.Shell(parse).Result(batch, $"{batch.Id} is {batch.Status}");
        });
        return command;
    }

    private static Command Delete(ServiceTarget target)
    {
        var id = Id();
        var command = new Command("delete", "Deletes an ended batch") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await client.Batches.DeleteAsync(parse.GetRequiredValue(id), cancellation);
            target.Shell(parse).Say($"{parse.GetRequiredValue(id)} is deleted");
        });
        return command;
    }
}
