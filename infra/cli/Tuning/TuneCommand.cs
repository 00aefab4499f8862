using System.CommandLine;
using System.Text.Json;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Client.FineTuning;

namespace LLaDA.Batch.Cli.Tuning;

/// <summary>Fine-tuning jobs of the tenant.</summary>
internal static class TuneCommand
{
    private const string IdForm = "ftjob-...";

    /// <summary>What every method reports besides its losses.</summary>
    private static readonly string[] s_common = ["learning_rate", "gradient_norm", "total_steps"];

    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("tune", "Fine-tuning: run, list, show, curve, pause, resume, cancel")
        {
            RunTuningCommand.Create(target),
            List(target),
            ServiceCommands.Show(
                target, "Shows a job", IdForm, (client, id, cancellation) => client.FineTuning.GetAsync(id, cancellation)),
            Curve(target),
            Change(target, "pause", "Makes a checkpoint and stops a job", (client, id, cancellation) =>
                client.PauseAsync(id, cancellation)),
            Change(target, "resume", "Continues a paused job", (client, id, cancellation) => client.ResumeAsync(id, cancellation)),
            Change(target, "cancel", "Ends a job and keeps its checkpoints", (client, id, cancellation) =>
                client.CancelAsync(id, cancellation)),
        };
        target.AddTo(group);
        return group;
    }

    private static Command List(ServiceTarget target)
    {
        var metadata = new NameValues("--metadata", "Only with this text of your own; may be repeated");
        var command = ServiceCommands.List(
            target, "list", "Lists jobs, newest first",
            (client, parse, cancellation) => client.FineTuning.ListAsync(metadata.Find(parse), cancellation), ServiceCommands.Limit(),
            ("ID", job => job.Id), ("STATUS", job => job.Status), ("AGE", job => ServiceCommands.Age(job.CreatedAt)),
            ("RESULT", job => job.FineTunedModel), ("MODEL", job => job.Model));
        command.Options.Add(metadata.Option);
        return command;
    }

    private static Command Curve(ServiceTarget target)
    {
        var id = ServiceCommands.Id(IdForm);
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
        ServiceTarget target, string verb, string description,
        Func<FineTuningClient, string, CancellationToken, Task<FineTuningJob>> change) => ServiceCommands.Change(
            target, verb, description, IdForm, (client, id, cancellation) => change(client.FineTuning, id, cancellation),
            job => job.Status);

    /// <summary>What the method measures besides; the bounds of single answers are left to JSON.</summary>
    private static IEnumerable<(string Heading, Func<LossPoint, object?> Cell)> MeasuresOf(LossPoint[] points) => points
        .SelectMany(point => point.More?.Keys ?? Enumerable.Empty<string>()).Distinct(StringComparer.Ordinal)
        .Where(name => !s_common.Contains(name) && !name.EndsWith("_elbo", StringComparison.Ordinal))
        .Select(name => (name.Replace('_', ' ').ToUpperInvariant(), (Func<LossPoint, object?>)(point =>
            point.More?.GetValueOrDefault(name) is { ValueKind: JsonValueKind.Number } value ? $"{value.GetDouble():F3}" : null)));

    /// <summary>Four signs a nat, so that a curve is seen at a glance.</summary>
    private static string Bar(double? loss) => new('#', (int)Math.Clamp((loss ?? 0) * 4, 0, 60));
}
