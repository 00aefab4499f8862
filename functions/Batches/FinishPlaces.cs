using LLaDA.Batch.Functions.Turns;
using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>Who may finish a batch now: the ends of large batches take few places, so that a small one ends beside them.</summary>
internal sealed class FinishPlaces(TimeProvider time) : TenantPlaces(time)
{
    /// <summary>A batch of more lines is large.</summary>
    private const int LargeFrom = 1_000;

    public IDisposable? TryEnter(BatchRecord batch) => TryEnter(batch.Tenant, batch.TotalLines > LargeFrom);
}
