using System.Text.Json;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>A line of a batch's input file.</summary>
/// <param name="Body">The request; null in the list of a folder's documents.</param>
internal sealed record BatchRequestLine(string CustomId, string Method, string Url, JsonElement? Body);
