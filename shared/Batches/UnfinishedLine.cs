using System.Text.Json;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>What of a line is done, for the next owner of its shard.</summary>
/// <param name="Line">Its number.</param>
/// <param name="Share">Of it that is done, in [0, 1].</param>
/// <param name="State">Known to workers alone.</param>
public sealed record UnfinishedLine(int Line, double Share, JsonElement State);
