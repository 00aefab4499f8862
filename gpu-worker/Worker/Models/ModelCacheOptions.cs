namespace LLaDA.Batch.Worker.Models;

/// <summary>Where models from storage are kept on this machine.</summary>
/// <param name="Path">Folder that belongs to this process alone.</param>
/// <param name="MaxBytes">Capacity in bytes, at least 1.</param>
internal sealed record ModelCacheOptions(string Path, long MaxBytes);
