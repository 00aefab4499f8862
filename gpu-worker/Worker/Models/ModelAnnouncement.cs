using LLaDA.Batch.Shared.Models;
using LLaDA.Diffusion;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Models;

/// <summary>Registers the models of the worker's own folder, with their context lengths and measured rates.</summary>
internal sealed partial class ModelAnnouncement(
    LocalModels local, ModelHost models, ModelCatalog catalog, TimeProvider time, ILogger<ModelAnnouncement> logger)
{
    /// <summary>Loads every model of the folder once; one that cannot be loaded is logged and skipped.</summary>
    /// <param name="profile">The hardware profile that runs them.</param>
    public async Task RunAsync(string profile, CancellationToken cancellation)
    {
        foreach (string id in local.OwnIds)
        {
            try
            {
                await RegisterAsync(id, profile, cancellation);
            }
            catch (CheckpointException exception)
            {
                LogUnusable(logger, id, exception.Message);
            }
        }
    }

    private async Task RegisterAsync(string id, string profile, CancellationToken cancellation)
    {
        using var lease = await models.AcquireAsync(new ModelSource(id), isExclusive: false, cancellation);
        var model = lease.Model;
        double rate = await model.MeasureTokensPerSecondAsync(cancellation);
        var record = new ModelRecord
        {
            PartitionKey = ModelRecord.EveryTenant,
            Id = id,
            Profile = profile,
            ContextLength = model.ContextLength,
            Family = model.Config.Family.Name,
            NumParameters = model.Config.NumParameters,
            NumActiveParameters = model.Config.NumActiveParameters,
            TokenForwardsPerSecond = rate,
            CreatedAt = time.GetUtcNow(),
        };
        await catalog.RegisterAsync(record, cancellation);
        LogAnnounced(logger, id, model.ContextLength, rate);
        if (model.TokensOfLongestRow > model.PassTokens)
            LogShortPasses(logger, id, model.TokensOfLongestRow, model.PassTokens);
    }

    [LoggerMessage(EventId = 301, Level = LogLevel.Information,
        Message = "Model {Model} is available: context of {Context} tokens, {Rate:F0} token forwards per second")]
    private static partial void LogAnnounced(ILogger logger, string model, int context, double rate);

    [LoggerMessage(EventId = 305, Level = LogLevel.Warning,
        Message = "Model {Model}: a row of its whole context takes {Row} tokens of a pass, and a pass has {Pass}; such a row passes alone "
            + "and fails where the memory does not hold it")]
    private static partial void LogShortPasses(ILogger logger, string model, long row, int pass);

    [LoggerMessage(EventId = 302, Level = LogLevel.Error, Message = "Model {Model} cannot be used: {Reason}")]
    private static partial void LogUnusable(ILogger logger, string model, string reason);
}
