namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>How events are delivered (section <c>Webhooks</c>).</summary>
public sealed record WebhookOptions
{
    public const string Section = "Webhooks";

    /// <summary>The pause before each further attempt: nine attempts over 24 hours.</summary>
    public static IReadOnlyList<TimeSpan> Delays { get; } =
    [
        TimeSpan.FromSeconds(5),
        TimeSpan.FromMinutes(1),
        TimeSpan.FromMinutes(5),
        TimeSpan.FromMinutes(30),
        TimeSpan.FromHours(2),
        TimeSpan.FromHours(5),
        TimeSpan.FromHours(8),
        TimeSpan.FromHours(8.4),
    ];

    /// <summary>
    /// Allows endpoints on this machine and in private networks, and http. For development only: in a cloud it opens the internal network.
    /// </summary>
    public bool AllowLocal { get; init; }

    /// <summary>The longest time for an answer of an endpoint.</summary>
    public TimeSpan AnswerTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Tries within an attempt, for transient failures.</summary>
    public int TriesPerAttempt { get; init; } = 3;

    public IEnumerable<string> Validate()
    {
        if (AnswerTime <= TimeSpan.Zero || AnswerTime > TimeSpan.FromMinutes(1) || TriesPerAttempt < 1)
            yield return $"{Section}:{nameof(AnswerTime)} must be at most a minute, and {Section}:{nameof(TriesPerAttempt)} at least 1";
    }
}
