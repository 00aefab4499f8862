using System.CommandLine;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>Messages that failed again and again.</summary>
internal static class PoisonCommand
{
    public static Command Create()
    {
        var target = new StorageTarget();
        var group = new Command("poison", "Messages that failed again and again: list, redrive") { List(target), Redrive(target) };
        target.AddTo(group);
        return group;
    }

    private static Option<string?> Queue() => new("--queue") { Description = "Of this queue alone, such as generate-default" };

    private static Command List(StorageTarget target)
    {
        var queue = Queue();
        var command = new Command("list", "Lists them with the jobs that they name; of each queue the first 32") { queue };
        command.SetAction(async (parse, cancellation) =>
        {
            var report = target.Report(parse);
            var queues = new PoisonQueues(target.Connect(parse), TimeProvider.System);
            List<PoisonMessage> messages = [];
            List<string> more = [];
            foreach (string name in await queues.FindAsync(parse.GetValue(queue), cancellation))
            {
                var (seen, count) = await queues.PeekAsync(name, cancellation);
                messages.AddRange(seen);
                if (count > seen.Count)
                    more.Add($"{name} has {count} messages, {seen.Count} of them shown");
            }
            var now = TimeProvider.System.GetUtcNow();
            report.Table(
                messages, ("QUEUE", message => message.PoisonQueue), ("AGE", message => now - message.InsertedAt), ("TENANT", message => message.Tenant), ("JOB", message => message.Job ?? "names none"),
                ("STATE", message => message.State), ("MESSAGE", message => message.Text));
            more.ForEach(report.Progress);
        });
        return command;
    }

    private static Command Redrive(StorageTarget target)
    {
        var queue = Queue();
        var all = new Option<bool>("--all") { Description = "Of all queues" };
        var command = new Command("redrive", "Puts them back on their queue; those that their job has no use for are dropped") { queue, all };
        command.SetAction(async (parse, cancellation) =>
        {
            if (parse.GetValue(queue) is null == !parse.GetValue(all))
                throw new OperatorException("Name the messages with one of --queue NAME and --all");
            var queues = new PoisonQueues(target.Connect(parse), TimeProvider.System);
            List<RedrivenQueue> redriven = [];
            foreach (string name in await queues.FindAsync(parse.GetValue(queue), cancellation))
                redriven.Add(await queues.RedriveAsync(name, cancellation));
            target.Report(parse).Table(
                redriven, ("FROM", result => result.PoisonQueue), ("TO", result => result.Queue), ("SENT", result => result.NumSent), ("DROPPED", result => result.NumDropped), ("KEPT", result => result.NumKept));
        });
        return command;
    }
}
