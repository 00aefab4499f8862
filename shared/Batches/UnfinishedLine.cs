using System.Text.Json;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>What of a line is done, for the next owner of its shard.</summary>
/// <param name="Line">Its number.</param>
/// <param name="State">Known to workers alone.</param>
public sealed record UnfinishedLine(int Line, JsonElement State);
