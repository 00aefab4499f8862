using System.CommandLine;
using System.Text.Json;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.FineTuning;

namespace LLaDA.Batch.Cli.Tuning;

/// <summary>Fine-tuning jobs of the tenant.</summary>
internal static class TuneCommand
{
    private const int DefaultLimit = 20;

    /// <summary>What every method reports besides its losses.</summary>
    private static readonly string[] s_common = ["learning_rate", "gradient_norm", "total_steps"];

    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("tune", "Fine-tuning: run, list, show, curve, pause, resume, cancel")
        {
            RunTuningCommand.Create(target), List(target), Show(target), Curve(target),
            Change(target, "pause", "Makes a checkpoint and stops a job", (client, id, cancellation) =>
                client.PauseAsync(id, cancellation)),
            Change(target, "resume", "Continues a paused job", (client, id, cancellation) => client.ResumeAsync(id, cancellation)),
            Change(target, "cancel", "Ends a job and keeps its checkpoints", (client, id, cancellation) =>
                client.CancelAsync(id, cancellation)),
        };
        target.AddTo(group);
        return group;
    }

    private static Argument<string> Id() => new("id") { Description = "ftjob-..." };

    private static Command List(ServiceTarget target)
    {
        var limit = new Option<int>("--limit", "-n") { Description = "At most so many", DefaultValueFactory = _ => DefaultLimit };
        var command = new Command("list", "Lists jobs, newest first") { limit };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await target.Shell(parse).RowsAsync(
                client.FineTuning.ListAsync(cancellation), parse.GetValue(limit),
                ("ID", job => job.Id), ("STATUS", job => job.Status), ("MODEL", job => job.Model), ("RESULT", job => job.FineTunedModel),
                ("CREATED", job => job.CreatedAt));
        });
        return command;
    }

    private static Command Show(ServiceTarget target)
    {
        var id = Id();
        var command = new Command("show", "Shows a job") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            target.Shell(parse).Properties(await client.FineTuning.GetAsync(parse.GetRequiredValue(id), cancellation));
        });
        return command;
    }

    private static Command Curve(ServiceTarget target)
    {
        var id = Id();
        var command = new Command("curve", "Prints the losses of a job by step") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            LossPoint[] points = [.. (await client.FineTuning.EventsAsync(parse.GetRequiredValue(id), cancellation)
                .ToListAsync(cancellation)).Select(reported => reported.Data).OfType<LossPoint>()
                .Where(point => point.Step is not null).OrderBy(point => point.Step)];
            await target.Shell(parse).RowsAsync(
                points.ToAsyncEnumerable(), int.MaxValue,
                [
                    ("STEP", point => point.Step), ("TRAINING", point => $"{point.TrainLoss:F3}"),
                    ("HELD-OUT", point => point.ValidLoss is { } loss ? $"{loss:F3}" : null), .. MeasuresOf(points),
                    ("", point => Bar(point.TrainLoss)),
                ]);
        });
        return command;
    }

    private static Command Change(
        ServiceTarget target, string verb, string description, Func<FineTuningClient, string, CancellationToken,
            Task<FineTuningJob>> change)
    {
        var id = Id();
        var command = new Command(verb, description) { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using LLaDAClient client = target.Connect(parse);
            var job = await change(client.FineTuning, parse.GetRequiredValue(id), cancellation);
            target.Shell(parse).Result(job, $"{job.Id} is {job.Status}");
        });
        return command;
    }

    /// <summary>What the method measures besides; the bounds of single answers are left to JSON.</summary>
    private static IEnumerable<(string Heading, Func<LossPoint, object?> Cell)> MeasuresOf(LossPoint[] points) => points
        .SelectMany(point => point.More?.Keys ?? Enumerable.Empty<string>()).Distinct(StringComparer.Ordinal)
        .Where(name => !s_common.Contains(name) && !name.EndsWith("_elbo", StringComparison.Ordinal))
        .Select(name => (name.Replace('_', ' ').ToUpperInvariant(), (Func<LossPoint, object?>)(point =>
            point.More?.GetValueOrDefault(name) is { ValueKind: JsonValueKind.Number } value ? $"{value.GetDouble():F3}" : null)));

    /// <summary>Four signs a nat, so that a curve is seen at a glance.</summary>
    private static string Bar(double? loss) => new('#', (int)Math.Clamp((loss ?? 0) * 4, 0, 60));
}
