using Cronos;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>What to do about due occurrences: first the missed ones, then those to run, then the next one in the future.</summary>
internal sealed record DueOccurrences
{
    /// <summary>Occurrences from the first one through <see cref="MissedThrough"/> that do not run.</summary>
    public required int NumMissed { get; init; }

    public required DateTimeOffset MissedThrough { get; init; }

    public required IReadOnlyList<DateTimeOffset> ToRun { get; init; }

    /// <summary>The first occurrence that is not due yet, or has no room.</summary>
    public required DateTimeOffset Next { get; init; }
}

/// <summary>
/// The times of a cron expression in a time zone. A time that a change of clocks leaves out is met right after the change, and a time
/// that it repeats is met once.
/// </summary>
internal sealed class Occurrences(CronExpression cron, TimeZoneInfo zone)
{
    /// <summary>The delay after which an occurrence counts as missed.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMinutes(5);

    /// <summary>Occurrences looked at in one call.</summary>
    private const int MaxAtOnce = 10_000;

    /// <exception cref="CronFormatException">The expression has a fault.</exception>
    /// <exception cref="TimeZoneNotFoundException">There is no such zone.</exception>
    public static Occurrences Parse(string cron, string zone) => new(CronExpression.Parse(cron), TimeZoneInfo.FindSystemTimeZoneById(zone));

    /// <returns>The first occurrence after a time, in UTC; null when there is none.</returns>
    public DateTimeOffset? Next(DateTimeOffset after) => cron.GetNextOccurrence(after, zone)?.ToUniversalTime();

    /// <param name="next">The first occurrence that no host has taken yet.</param>
    /// <param name="maxToRun">How many may run; those beyond stay due.</param>
    public DueOccurrences Due(DateTimeOffset next, DateTimeOffset now, MissedPolicy policy, int maxToRun)
    {
        List<DateTimeOffset> toRun = [];
        var (numMissed, through) = (0, next);
        for (int count = 0; next <= now && count < MaxAtOnce; count++)
        {
            var following = Next(next) ?? DateTimeOffset.MaxValue;
            bool isLatest = following > now;
            bool runs = now - next <= Grace || policy == MissedPolicy.All || (policy == MissedPolicy.Latest && isLatest);
            if (runs && toRun.Count >= maxToRun)
                break;
            if (runs)
                toRun.Add(next);
            else
                (numMissed, through) = (numMissed + 1, next);
            next = following;
        }
        return new DueOccurrences { NumMissed = numMissed, MissedThrough = through, ToRun = toRun, Next = next };
    }
}
