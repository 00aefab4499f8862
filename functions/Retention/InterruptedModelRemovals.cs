using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Removal;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>Models whose removal was interrupted.</summary>
internal sealed class InterruptedModelRemovals(ModelCatalog models, ModelRemoval removal) : IPurge
{
    public async Task RunAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        await foreach (var model in models.ListLeavingAsync(now - RetentionOptions.StalledAfter, cancellation))
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
}
