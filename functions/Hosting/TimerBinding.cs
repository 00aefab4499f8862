namespace LLaDA.Batch.Functions.Hosting;

/// <summary>A timer and its handler. Both hosts run the same list (<see cref="Triggers.Timers"/>).</summary>
/// <param name="HandlerOf">The handler of a turn.</param>
internal sealed record TimerBinding(string Name, TimeSpan Interval, Func<IServiceProvider, Func<CancellationToken, Task>> HandlerOf);
