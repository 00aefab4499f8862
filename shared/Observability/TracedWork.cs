using System.Diagnostics;
using LLaDA.Batch.Shared.Queues;

namespace LLaDA.Batch.Shared.Observability;

/// <summary>Work on a job as spans of one trace, which began with the request that created the job; the job's record keeps its place (W3C traceparent), so redelivery and sweeps stay in it.</summary>
public static class TracedWork
{
    /// <summary>Where a job that is created now belongs; null when nobody traces.</summary>
    public static string? Here => Activity.Current is { IdFormat: ActivityIdFormat.W3C } current ? current.Id : null;

    /// <summary>Does a piece of work as a span, and measures it.</summary>
    /// <param name="name">Of the piece: <c>plan</c>, <c>shard</c>, ...</param>
    /// <param name="job">Id of the job.</param>
    /// <param name="traceParent">Of its record.</param>
    /// <param name="shard">Its number, where the work is one.</param>
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
            Telemetry.WorkDuration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, Telemetry.With(Telemetry.Work, name), Telemetry.With(Telemetry.Outcome, outcome));
        }
    }

    /// <summary>Notes on the work at hand what its job has come to.</summary>
    public static void SetStatus<T>(T status)
        where T : struct, Enum => Activity.Current?.SetTag(Telemetry.Status, status.ToString());

    private static string OutcomeOf(Exception failure) => failure switch
    {
        TryAgainException => "postponed",
        OperationCanceledException => "stopped",
        _ => "failed",
    };
}
