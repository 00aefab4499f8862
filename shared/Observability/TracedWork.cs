using System.Diagnostics;

namespace LLaDA.Batch.Shared.Observability;

/// <summary>
/// Runs work on a job as spans of one trace, which begins with the request that created the job. The job's record keeps the W3C
/// traceparent, so redelivered and swept messages stay in the trace.
/// </summary>
public static class TracedWork
{
    /// <summary>The traceparent for a job that is created now; null without a trace.</summary>
    public static string? CurrentTraceParent => Activity.Current is { IdFormat: ActivityIdFormat.W3C } current ? current.Id : null;

    /// <summary>Runs a piece of work as a span and measures its duration.</summary>
    /// <param name="name">The kind of work: <c>plan</c>, <c>shard</c>, ...</param>
    /// <param name="job">The id of the job.</param>
    /// <param name="traceParent">The traceparent of the job's record.</param>
    /// <param name="shard">The shard's number, where the work is a shard.</param>
    public static async Task RunAsync(string name, string job, string? traceParent, Func<Task> work, int? shard = null)
    {
        using var span = ActivityContext.TryParse(traceParent, traceState: null, isRemote: true, out var parent)
            ? Telemetry.Source.StartActivity(name, ActivityKind.Consumer, parent)
            : Telemetry.Source.StartActivity(name, ActivityKind.Consumer);
        span?.SetTag(Telemetry.Job, job);
        if (shard is not null)
            span?.SetTag(Telemetry.Shard, shard);
        long started = Stopwatch.GetTimestamp();
        string outcome = "done";
        try
        {
            await work();
        }
        catch (Exception failure)
        {
            outcome = OutcomeOf(failure);
            Telemetry.Retries.Add(1, Telemetry.With(Telemetry.Work, name), Telemetry.With(Telemetry.Outcome, outcome));
            if (outcome == "failed")
                span?.SetStatus(ActivityStatusCode.Error, failure.GetType().Name);
            throw;
        }
        finally
        {
            span?.SetTag(Telemetry.Outcome, outcome);
            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            Telemetry.WorkDuration.Record(seconds, Telemetry.With(Telemetry.Work, name), Telemetry.With(Telemetry.Outcome, outcome));
        }
    }

    /// <summary>Tags the current span with the status of its job.</summary>
    public static void SetStatus<T>(T status)
        where T : struct, Enum => Activity.Current?.SetTag(Telemetry.Status, status.ToString());

    private static string OutcomeOf(Exception failure) => failure switch
    {
        TryAgainException => "postponed",
        OperationCanceledException => "stopped",
        _ => "failed",
    };
}
