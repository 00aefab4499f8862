namespace LLaDA.Batch.Client.Wire;

/// <summary>The service refused a request or failed. The message is the service's own sentence.</summary>
/// <param name="status">The HTTP status; 0 if the service could not be reached.</param>
/// <param name="code">The service's code, such as <c>model_not_found</c>; null where it gives none.</param>
/// <param name="requestId">Names the request in the service's logs; null if there was no answer.</param>
/// <param name="retryAfter">After how long the service wants to be asked again; null where it does not say.</param>
public sealed class ServiceException(
    string message, int status, string? code, string? requestId, TimeSpan? retryAfter, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>The HTTP status; 0 if the service could not be reached.</summary>
    public int Status => status;

    /// <summary>The service's code; null where it gives none.</summary>
    public string? Code => code;

    /// <summary>Names the request in the service's logs; null if there was no answer.</summary>
    public string? RequestId => requestId;

    /// <summary>After how long the service wants to be asked again; null where it does not say.</summary>
    public TimeSpan? RetryAfter => retryAfter;
}
