namespace LLaDA.Batch.Functions.Retention;

/// <summary>The log of deleted objects.</summary>
internal static partial class RetentionLog
{
    [LoggerMessage(EventId = 241, Level = LogLevel.Information, Message = "Retention: deleted {Id}")]
    public static partial void Deleted(ILogger logger, string id);
}
