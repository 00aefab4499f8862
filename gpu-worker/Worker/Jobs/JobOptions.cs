namespace LLaDA.Batch.Worker.Jobs;

/// <summary>How a worker holds its jobs.</summary>
/// <param name="LeaseDuration">How long a silent worker keeps a shard or a training, 15 to 60 seconds; leases are renewed at half of
/// it.</param>
/// <param name="Slice">How long a shard or a training may take while others wait.</param>
internal sealed record JobOptions(TimeSpan LeaseDuration, TimeSpan Slice);
