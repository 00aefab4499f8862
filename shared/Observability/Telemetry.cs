using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace LLaDA.Batch.Shared.Observability;

/// <summary>What the service tells of itself: one source of spans, one meter, and the names of all there is. Without a listener all of it costs next to nothing.</summary>
/// <remarks>Attributes hold ids, counts and codes alone: no text of a line, no key, no URL with a signature, no message of an exception, which may quote any of them.</remarks>
public static class Telemetry
{
    /// <summary>Of the source of spans and of the meter.</summary>
    public const string Name = "LLaDA.Batch";

    /// <summary>Attributes of spans and measurements.</summary>
    public const string RequestId = "llada.request.id", Job = "llada.job", Shard = "llada.shard", Status = "llada.status", Work = "llada.work", Outcome = "llada.outcome", Queue = "llada.queue",
        Lease = "llada.lease", Direction = "llada.direction";

    private static readonly Meter s_meter = new(Name);

    public static ActivitySource Source { get; } = new(Name);

    /// <summary>How long the oldest visible message of a queue has waited; 0 for an empty one.</summary>
    public static Gauge<double> QueueAge { get; } = s_meter.CreateGauge<double>("llada.queue.age", "s", "Age of the oldest message that waits");

    /// <summary>Of planning, a shard, a finish, ...: each run with its outcome.</summary>
    public static Histogram<double> WorkDuration { get; } = s_meter.CreateHistogram<double>("llada.work.duration", "s", "Time that a piece of work took");

    /// <summary>Runs that did not end well and come again.</summary>
    public static Counter<long> Retries { get; } = s_meter.CreateCounter<long>("llada.retries", "{retry}", "Pieces of work that have to be done again");

    public static Counter<long> LeaseLosses { get; } = s_meter.CreateCounter<long>("llada.lease.losses", "{lease}", "Leases that were lost before their work was done");

    /// <summary>By how they ended: <c>completed</c>, <c>late</c> (another's part was there first), or the code by which their last lines were not run.</summary>
    public static Counter<long> Shards { get; } = s_meter.CreateCounter<long>("llada.shards", "{shard}", "Shards by their outcome");

    /// <summary>Each line of a batch once, <c>completed</c> or <c>failed</c>.</summary>
    public static Counter<long> Lines { get; } = s_meter.CreateCounter<long>("llada.lines", "{line}", "Lines that are answered for good");

    /// <summary><c>input</c> and <c>output</c> of lines, as they are done; its rate is tokens per second.</summary>
    public static Counter<long> Tokens { get; } = s_meter.CreateCounter<long>("llada.tokens", "{token}", "Tokens of lines that the model answered");

    public static Counter<long> ForwardPasses { get; } = s_meter.CreateCounter<long>("llada.forward_passes", "{pass}", "Passes through the model, each of many rows");

    public static Counter<long> TrainingSteps { get; } = s_meter.CreateCounter<long>("llada.training.steps", "{step}", "Steps of trainings, those that a resumed run makes again included");

    public static Counter<long> TrainingTokens { get; } = s_meter.CreateCounter<long>("llada.training.tokens", "{token}", "Tokens that these steps saw");

    /// <summary>An attribute.</summary>
    public static KeyValuePair<string, object?> With(string name, object? value) => new(name, value);
}
