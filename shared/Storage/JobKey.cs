namespace LLaDA.Batch.Shared.Storage;

/// <summary>The key of a batch or a fine-tuning job: its partition and its row key. A client's id is a prefix and this row key.</summary>
public readonly record struct JobKey(string Tenant, string RowKey);
