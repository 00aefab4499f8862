using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using LLaDA.Batch.Shared.Observability;

namespace LLaDA.Batch.Testing;

/// <summary>
/// Spans and measurements of the whole process while it lives; tests beside it may add to the measurements, and have traces of their own.
/// </summary>
public sealed class RecordedTelemetry : IDisposable
{
    private readonly ActivitySource _tests = new("LLaDA.Tests");
    private readonly ConcurrentQueue<Activity> _spans = new();
    private readonly ConcurrentDictionary<string, double> _sums = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _attributes = new();
    private readonly ActivityListener _activities;
    private readonly MeterListener _meters = new();

    /// <param name="sources">Whose spans are recorded besides the service's own.</param>
    public RecordedTelemetry(params string[] sources)
    {
        _activities = new ActivityListener
        {
            ShouldListenTo = source => source == _tests || source.Name == Telemetry.Name || sources.Contains(source.Name),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _spans.Enqueue,
        };
        ActivitySource.AddActivityListener(_activities);
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Telemetry.Name)
                listener.EnableMeasurementEvents(instrument);
        };
        _meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _meters.Start();
    }

    /// <summary>All attributes of all measurements.</summary>
    public IReadOnlyCollection<string> Attributes => _attributes;

    /// <summary>Sum of what an instrument was told, those measurements alone that have all the attributes' values.</summary>
    public double Sum(Instrument instrument, params string[] values) =>
        _sums.Where(entry => entry.Key.Split('|') is var key && key[0] == instrument.Name && values.All(key.Skip(1).Contains))
            .Sum(entry => entry.Value);

    /// <summary>A span as a request would be one; dispose it when the request has been answered.</summary>
    public Activity BeginRequest()
    {
        Activity.Current = null;
        return _tests.StartActivity("request", ActivityKind.Server)!;
    }

    /// <summary>Ended spans of a trace, in the order in which they ended.</summary>
    public IReadOnlyList<Activity> SpansOf(ActivityTraceId trace) => [.. _spans.Where(span => span.TraceId == trace)];

    /// <summary>Everything that spans say about themselves.</summary>
    public static string TextOf(Activity span) => string.Join('\n', [
        span.DisplayName, span.StatusDescription, span.TraceStateString,
        .. span.TagObjects.Select(tag => $"{tag.Key}={tag.Value}"), .. span.Baggage
            .Select(item => $"{item.Key}={item.Value}"), .. span.Events
            .SelectMany(entry => entry.Tags.Select(tag => $"{entry.Name} {tag.Key}={tag.Value}"))]);

    public void Dispose()
    {
        _activities.Dispose();
        _meters.Dispose();
        _tests.Dispose();
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        string key = instrument.Name;
        foreach (var (name, attribute) in tags)
        {
            key += $"|{attribute}";
            _attributes.Enqueue($"{name}={attribute}");
        }
        _sums.AddOrUpdate(key, value, (_, sum) => sum + value);
    }
}
