namespace LLaDA.Batch.Worker.Models;

/// <summary>The folders on this machine from which a model is loaded. They remain in place until this is disposed.</summary>
/// <param name="weights">Folder of whole weights, with a tokenizer.</param>
/// <param name="adapter">Folder of an adapter; null for whole weights.</param>
/// <param name="leases">Released on disposal.</param>
internal sealed class ModelFiles(string weights, string? adapter, IReadOnlyList<CachedModel> leases) : IDisposable
{
    public string Weights { get; } = weights;

    public string? Adapter { get; } = adapter;

    public void Dispose()
    {
        foreach (var lease in leases)
            lease.Dispose();
    }
}
