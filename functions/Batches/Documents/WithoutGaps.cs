namespace LLaDA.Batch.Functions.Batches.Documents;

/// <summary>What becomes of a document without a gap (<c>without_gaps</c>).</summary>
internal enum WithoutGaps
{
    /// <summary>It is copied to the output folder byte for byte, and counts as completed.</summary>
    Copy,

    /// <summary>It is an error.</summary>
    Refuse,
}
