namespace LLaDA.Batch.Functions.Folders;

/// <summary>The storage account of a client's folder does not answer, or fails.</summary>
internal sealed class FolderUnavailableException(string host, Exception? cause = null)
    : Exception($"The storage account '{host}' does not answer", cause);
