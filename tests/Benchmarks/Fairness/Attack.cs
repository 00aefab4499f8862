namespace LLaDA.Batch.Benchmarks.Fairness;

/// <summary>Work of one tenant that others could have to wait for.</summary>
/// <param name="Unit">What its throughput counts.</param>
/// <param name="StartAsync">Sends the work, and returns how many units are done so far.</param>
internal sealed record Attack(
    string Name, string Unit, Func<TenantClient, CancellationToken, Task<Func<CancellationToken, Task<double>>>> StartAsync);

/// <summary>A request of another tenant, whose waiting time is measured.</summary>
/// <param name="PrepareAsync">Does what need not be measured, and returns one request: from its start until its client sees its
/// end.</param>
internal sealed record Victim(string Name, Func<TenantClient, CancellationToken, Task<Func<CancellationToken, Task>>> PrepareAsync);

/// <summary>A victim beside attacks; without any it is idle.</summary>
internal sealed record Scenario(string Name, Victim Victim, IReadOnlyList<Attack> Attacks);
