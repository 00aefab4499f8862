using System.Net;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>What became of an attempt.</summary>
/// <param name="StatusCode">The status of the answer; null where there was none.</param>
/// <param name="Failure">Why it failed, as a sentence; null where the event was taken.</param>
internal sealed record DeliveryOutcome(int? StatusCode, string? Failure)
{
    private const int Gone = (int)HttpStatusCode.Gone;

    /// <summary>Whether no further attempt is wanted: the event was taken, or the endpoint is gone.</summary>
    public bool IsLast => Failure is null || StatusCode == Gone;

    public static DeliveryOutcome Answered(HttpStatusCode status) => new((int)status, (int)status switch
    {
        >= 200 and < 300 => null,
        Gone => "The endpoint answered 410 and wants no more of this event",
        var code => $"The endpoint answered {code}",
    });

    public static DeliveryOutcome Failed(string reason) => new(StatusCode: null, reason);

    /// <summary>
    /// Without an answer. An unknown name and a name of the internal network look the same, so that a tenant cannot probe internal names.
    /// </summary>
    public static DeliveryOutcome Unreachable(HttpRequestException failure) => Failed(
        failure.HttpRequestError == HttpRequestError.SecureConnectionError
            ? "The endpoint cannot be reached: its certificate is not accepted"
            : "The endpoint cannot be reached, or its address is not public");
}
