namespace LLaDA.Batch.Worker.Models;

/// <summary>The right to use a model.</summary>
internal sealed class ModelLease(ModelHost host, ModelSlot slot, LoadedModel model) : IDisposable
{
    public LoadedModel Model { get; } = model;

    public void Dispose() => host.Release(slot);
}
