using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace LLaDA.Batch.Shared.Observability;

/// <summary>The service's ActivitySource, Meter and instrument names. Without a listener they cost next to nothing.</summary>
/// <remarks>
/// Attributes hold ids, counts and codes only: no text of a line, no key, no URL with a signature, and no message of an exception, which
/// may quote any of them.
/// </remarks>
public static class Telemetry
{
    /// <summary>The name of the ActivitySource and of the Meter.</summary>
    public const string Name = "LLaDA.Batch";

    /// <summary>Attributes of spans and measurements.</summary>
    public const string RequestId = "llada.request.id", Job = "llada.job", Shard = "llada.shard", Status = "llada.status",
        Work = "llada.work", Outcome = "llada.outcome", Queue = "llada.queue", Lease = "llada.lease", Direction = "llada.direction";

    private static readonly Meter s_meter = new(Name);

    public static ActivitySource Source { get; } = new(Name);

    /// <summary>How long the oldest visible message of a queue has waited, in seconds; 0 for an empty queue.</summary>
    public static Gauge<double> QueueAge { get; } =
        s_meter.CreateGauge<double>("llada.queue.age", "s", "Age of the oldest message that waits");

    /// <summary>Seconds of each run of a piece of work (a plan, a shard, a finish), with its outcome.</summary>
    public static Histogram<double> WorkDuration { get; } =
        s_meter.CreateHistogram<double>("llada.work.duration", "s", "Time that a piece of work took");

    /// <summary>Runs that failed, were stopped or were postponed, and are repeated.</summary>
    public static Counter<long> Retries { get; } =
        s_meter.CreateCounter<long>("llada.retries", "{retry}", "Pieces of work that have to be done again");

    /// <summary>Rows at which a timer failed; its work is the timer's name.</summary>
    public static Counter<long> FailedRows { get; } =
        s_meter.CreateCounter<long>("llada.timer.failed_rows", "{row}", "Rows that a timer left to its next turn because they failed");

    public static Counter<long> LeaseLosses { get; } =
        s_meter.CreateCounter<long>("llada.lease.losses", "{lease}", "Leases that were lost before their work was done");

    /// <summary>
    /// Shards by outcome: <c>completed</c>, <c>late</c> (another worker's part was first), or the code by which their last lines were not
    /// run.
    /// </summary>
    public static Counter<long> Shards { get; } = s_meter.CreateCounter<long>("llada.shards", "{shard}", "Shards by their outcome");

    /// <summary>Each line of a batch once, <c>completed</c> or <c>failed</c>.</summary>
    public static Counter<long> Lines { get; } = s_meter.CreateCounter<long>("llada.lines", "{line}", "Lines that are answered for good");

    /// <summary>Tokens of finished lines by direction, <c>input</c> and <c>output</c>; the rate is tokens per second.</summary>
    public static Counter<long> Tokens { get; } =
        s_meter.CreateCounter<long>("llada.tokens", "{token}", "Tokens of lines that the model answered");

    public static Counter<long> ForwardPasses { get; } =
        s_meter.CreateCounter<long>("llada.forward_passes", "{pass}", "Passes through the model, each of many rows");

    public static Counter<long> TrainingSteps { get; } =
        s_meter.CreateCounter<long>("llada.training.steps", "{step}", "Steps of trainings, those that a resumed run makes again included");

    public static Counter<long> TrainingTokens { get; } =
        s_meter.CreateCounter<long>("llada.training.tokens", "{token}", "Tokens that these steps saw");

    /// <summary>An attribute.</summary>
    public static KeyValuePair<string, object?> With(string name, object? value) => new(name, value);

    /// <param name="kind">What was leased: <c>message</c>, <c>shard</c> or <c>training</c>.</param>
    public static void CountLostLease(string kind) => LeaseLosses.Add(1, With(Lease, kind));
}
