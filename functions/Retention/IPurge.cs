namespace LLaDA.Batch.Functions.Retention;

/// <summary>Deletes one kind of data whose time is over.</summary>
internal interface IPurge
{
    Task RunAsync(DateTimeOffset now, CancellationToken cancellation);
}
