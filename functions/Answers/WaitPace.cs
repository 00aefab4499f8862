using System.Collections.Concurrent;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>
/// The pauses between looks at answers that come. All waits of a tenant in this process together look <see cref="LooksPerSecond"/> times
/// at most, so a tenant's crowd of waits leaves storage to others.
/// </summary>
internal sealed class WaitPace
{
    /// <summary>Looks of all waits of a tenant.</summary>
    public const int LooksPerSecond = 100;

    /// <summary>The pause of a wait for each wait of its tenant.</summary>
    private static readonly TimeSpan s_share = TimeSpan.FromSeconds(1) / LooksPerSecond;

    private readonly ConcurrentDictionary<string, int> _waits = new(StringComparer.Ordinal);

    /// <returns>Dispose it at the end of the wait.</returns>
    public Wait Begin(string tenant)
    {
        _waits.AddOrUpdate(tenant, 1, static (_, count) => count + 1);
        return new Wait(this, tenant);
    }

    private void End(string tenant)
    {
        _waits.AddOrUpdate(tenant, 0, static (_, count) => count - 1);
        _waits.TryRemove(KeyValuePair.Create(tenant, 0));
    }

    /// <summary>A request that waits for an answer.</summary>
    public sealed class Wait(WaitPace pace, string tenant) : IDisposable
    {
        /// <param name="usual">Where the tenant has few waits.</param>
        public TimeSpan Pause(TimeSpan usual)
        {
            var shared = s_share * pace._waits.GetValueOrDefault(tenant);
            return shared > usual ? shared : usual;
        }

        public void Dispose() => pace.End(tenant);
    }
}
