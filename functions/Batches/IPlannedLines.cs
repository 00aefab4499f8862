using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>Takes the checked lines of an input: to cut shards of them, or only to add up what they would take.</summary>
internal interface IPlannedLines
{
    /// <summary>Takes a request.</summary>
    Task AddAsync(ShardLine line, ModelRecord model, CancellationToken cancellation);

    /// <summary>Takes a line whose outcome is known: no worker runs it.</summary>
    Task AddAsync(SettledLine line, ModelRecord model, CancellationToken cancellation);
}
