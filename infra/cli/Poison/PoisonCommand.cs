using System.CommandLine;
using LLaDA.Batch.Cli.Terminal;

namespace LLaDA.Batch.Cli.Poison;

/// <summary>Messages of the poison queues.</summary>
internal static class PoisonCommand
{
    public static Command Create()
    {
        var target = new StorageTarget();
        var group = new Command("poison", "Messages that failed repeatedly: list, redrive") { List(target), Redrive(target) };
        target.AddTo(group);
        return group;
    }

    private static Option<string?> Queue() => new("--queue") { Description = "Only this queue, such as generate-default" };

    private static Command List(StorageTarget target)
    {
        var queue = Queue();
        string description = $"Lists messages with the jobs that they name, the first {PeekedQueue.MaxMessages} of each queue";
        var command = new Command("list", description) { queue };
        command.SetAction(async (parse, cancellation) =>
        {
            var report = target.Report(parse);
            var storage = target.Connect(parse);
            var queues = new PoisonQueues(storage, storage.Time);
            List<PoisonMessage> messages = [];
            List<string> rests = [];
            foreach (string name in await queues.FindAsync(parse.GetValue(queue), cancellation))
            {
                var peeked = await queues.PeekAsync(name, cancellation);
                messages.AddRange(peeked.Messages);
                if (peeked.Rest(name) is { } rest)
                    rests.Add(rest);
            }
            var now = storage.Time.GetUtcNow();
            report.Table(
                messages, ("QUEUE", message => message.PoisonQueue), ("AGE", message => now - message.InsertedAt),
                ("TENANT", message => message.Tenant), ("JOB", message => message.Job ?? "names none"),
                ("STATE", message => message.State), ("MESSAGE", message => message.Line));
            rests.ForEach(report.Progress);
        });
        return command;
    }

    private static Command Redrive(StorageTarget target)
    {
        var queue = Queue();
        var all = new Option<bool>("--all") { Description = "All queues" };
        var command = new Command("redrive", "Puts messages back on their queue. Those that their job no longer needs are dropped")
        {
            queue, all,
        };
        command.SetAction(async (parse, cancellation) =>
        {
            if (parse.GetValue(queue) is null == !parse.GetValue(all))
                throw new OperatorException("Name the messages with one of --queue NAME and --all");
            var storage = target.Connect(parse);
            var queues = new PoisonQueues(storage, storage.Time);
            List<RedrivenQueue> redriven = [];
            foreach (string name in await queues.FindAsync(parse.GetValue(queue), cancellation))
                redriven.Add(await queues.RedriveAsync(name, cancellation));
            target.Report(parse).Table(
                redriven, ("FROM", result => result.PoisonQueue), ("TO", result => result.Queue), ("SENT", result => result.NumSent),
                ("DROPPED", result => result.NumDropped), ("KEPT", result => result.NumKept));
        });
        return command;
    }
}
