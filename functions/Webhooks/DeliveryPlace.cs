namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>The place of a delivery in work.</summary>
internal sealed class DeliveryPlace(TimeSpan taken, Action<DeliveryPlace> leave, Func<TimeSpan> now) : IDisposable
{
    /// <summary>When the endpoint was called, or the place taken.</summary>
    public TimeSpan Started { get; private set; } = taken;

    /// <summary>The endpoint is called now: what was looked up before is not its time.</summary>
    public void Start() => Started = now();

    public void Dispose() => leave(this);
}
