using LLaDA.Batch.Shared.Models;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Models;

/// <summary>Makes known which models this worker's profile runs, how long a canvas may be and how fast it goes.</summary>
public sealed partial class ModelAnnouncement(
    WorkerOptions options, ModelHost models, ModelCatalog catalog, TimeProvider time, ILogger<ModelAnnouncement> logger)
{
    /// <summary>Tries every folder; one that cannot be loaded is named and left out.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        if (options.ModelsPath.Length == 0)
            return;
        foreach (string folder in Directory.GetDirectories(options.ModelsPath).Where(folder => File.Exists(Path.Combine(folder, Checkpoint.ConfigFile))).Order())
        {
            string id = Path.GetFileName(folder);
            try
            {
                using var lease = await models.AcquireAsync(new ModelSource(id), isAlone: false, cancellation);
                var model = lease.Model;
                double rate = await model.MeasureTokensPerSecondAsync(cancellation);
                await catalog.RegisterAsync(
                    new ModelRecord
                    {
                        PartitionKey = ModelRecord.EveryTenant,
                        Id = id,
                        Profile = options.Profile,
                        ContextLength = model.ContextLength,
                        TokenForwardsPerSecond = rate,
                        CreatedAt = time.GetUtcNow(),
                    }, cancellation);
                LogAnnounced(logger, id, model.ContextLength, rate);
            }
            catch (CheckpointException exception)
            {
                LogUnusable(logger, id, exception.Message);
            }
        }
    }

    [LoggerMessage(EventId = 301, Level = LogLevel.Information, Message = "Runs {Model}: context of {Context} tokens, {Rate:F0} tokens a second through the model")]
    private static partial void LogAnnounced(ILogger logger, string model, int context, double rate);

    [LoggerMessage(EventId = 302, Level = LogLevel.Error, Message = "{Model} cannot be used: {Reason}")]
    private static partial void LogUnusable(ILogger logger, string model, string reason);
}
