using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Usage;

namespace LLaDA.Batch.Testing;

/// <summary>What the tenant of a trial has used.</summary>
internal static class TrialUsage
{
    public static async Task<IReadOnlyList<UsageRecord>> ListAsync(StorageAccount storage) => await new UsageStore(storage)
        .ListAsync("tenant", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(1_000), CancellationToken.None)
        .OrderBy(row => row.CompletedLines).ToListAsync();
}
