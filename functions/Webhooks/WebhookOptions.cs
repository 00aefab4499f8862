namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>How events are delivered (section <c>Webhooks</c>).</summary>
public sealed record WebhookOptions
{
    public const string Section = "Webhooks";

    /// <summary>How long each attempt waits for the one before: nine attempts over 24 hours.</summary>
    public static IReadOnlyList<TimeSpan> Delays { get; } =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30), TimeSpan.FromHours(2), TimeSpan.FromHours(5), TimeSpan.FromHours(8),
        TimeSpan.FromHours(8.4),
    ];

    /// <summary>Lets endpoints be on this machine and in private networks, and be reached by http. For development: in a cloud it opens the inside of the network.</summary>
    public bool AllowLocal { get; init; }

    /// <summary>How long an endpoint may take to answer.</summary>
    public TimeSpan AnswerTime { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Tries within an attempt, for what passes in a moment.</summary>
    public int TriesPerAttempt { get; init; } = 3;

    public IEnumerable<string> Validate()
    {
        if (AnswerTime <= TimeSpan.Zero || AnswerTime > TimeSpan.FromMinutes(1) || TriesPerAttempt < 1)
            yield return $"{Section}:{nameof(AnswerTime)} must be at most a minute, and {Section}:{nameof(TriesPerAttempt)} at least 1";
    }
}
