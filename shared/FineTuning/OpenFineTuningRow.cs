using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>A fine-tuning job that has something left to do.</summary>
public sealed class OpenFineTuningRow : OpenRow
{
    public const string Partition = "fine_tuning";
}
