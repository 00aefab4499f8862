using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Removal;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>Models whose removal was interrupted.</summary>
internal sealed class InterruptedModelRemovals(ModelCatalog models, ModelRemoval removal, RowByRow rows) : IPurge
{
    public async Task RunAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        await foreach (var model in models.ListLeavingAsync(now - RetentionOptions.StalledAfter, cancellation))
            await rows.TryAsync(RetentionTimer.Name, model.Id, () => RemoveAsync(model, cancellation), cancellation);
    }

    private async Task RemoveAsync(ModelRecord model, CancellationToken cancellation)
    {
        try
        {
            await removal.RunAsync(model.Tenant, model.Id, isForced: false, cancellation);
        }
        catch (ModelNotRemovedException)
        {
            // The model is needed, and is available again.
        }
    }
}
