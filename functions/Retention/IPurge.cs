namespace LLaDA.Batch.Functions.Retention;

/// <summary>Deletes one kind of data whose time is over. An object that cannot be deleted is left to the next turn.</summary>
internal interface IPurge
{
    Task RunAsync(DateTimeOffset now, CancellationToken cancellation);
}
