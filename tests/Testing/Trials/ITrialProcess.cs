namespace LLaDA.Batch.Testing;

/// <summary>A process of a trial, over one connection to storage.</summary>
internal interface ITrialProcess : IAsyncDisposable
{
    /// <summary>Where the process meets its fault.</summary>
    FaultyTransport Transport { get; }
}
