namespace LLaDA.Batch.Client.Models;

/// <summary>A model that requests may name.</summary>
/// <param name="ContextLength">Most tokens of a text, given and new ones together.</param>
public sealed record Model(string Id, DateTimeOffset Created, string OwnedBy, int ContextLength);
