namespace LLaDA.Batch.Shared.Batches;

/// <summary>How much a batch matters beside the others of its tenant.</summary>
public enum BatchPriority
{
    Low,
    Normal,
    High,
}
