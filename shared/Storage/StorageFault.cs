using Azure;
using Azure.Identity;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>Separates failures of storage and of the way to it from failures of the work itself.</summary>
public static class StorageFault
{
    /// <summary>Whether storage did not answer, was busy or failed, so that the same work may succeed later.</summary>
    /// <param name="failure">Of work that was not stopped: a cancellation counts as a timeout.</param>
    public static bool Is(Exception failure) => failure switch
    {
        RequestFailedException { Status: 0 or 408 or 429 or >= 500 } => true,
        AggregateException { InnerExceptions: var tries } => tries.All(Is),
        _ => failure is IOException or HttpRequestException or TimeoutException or OperationCanceledException
            or AuthenticationFailedException,
    };
}
