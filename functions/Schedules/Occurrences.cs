using Cronos;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>What becomes of occurrences that no host was there to see in time.</summary>
public enum MissedPolicy
{
    /// <summary>The latest one is made up for, the others are not.</summary>
    Latest,

    /// <summary>Every one is made up for, oldest first.</summary>
    All,

    /// <summary>None is.</summary>
    Skip,
}

/// <summary>What to do about the occurrences that are due: first what was missed, then what is to be run, then where to go on.</summary>
/// <param name="NumMissed">Occurrences from the first one through <paramref name="MissedThrough"/> that are given up.</param>
internal sealed record DueOccurrences(int NumMissed, DateTimeOffset MissedThrough, IReadOnlyList<DateTimeOffset> ToRun, DateTimeOffset Next);

/// <summary>When a cron expression fires in a time zone. Times that a change of clocks leaves out are met right after it, and those that it repeats are met once.</summary>
internal sealed class Occurrences(CronExpression cron, TimeZoneInfo zone)
{
    /// <summary>How late an occurrence may be seen without being a missed one.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMinutes(5);

    /// <summary>Occurrences looked at in one go.</summary>
    private const int MaxAtOnce = 10_000;

    /// <returns>The first occurrence after a time, in UTC; null when there is none.</returns>
    public DateTimeOffset? Next(DateTimeOffset after) => cron.GetNextOccurrence(after, zone)?.ToUniversalTime();

    /// <param name="next">The first occurrence that nobody has taken yet.</param>
    /// <param name="maxToRun">How many may be run; those beyond stay due.</param>
    public DueOccurrences Due(DateTimeOffset next, DateTimeOffset now, MissedPolicy policy, int maxToRun)
    {
        List<DateTimeOffset> toRun = [];
        var (numMissed, through) = (0, next);
        for (int count = 0; next <= now && count < MaxAtOnce; count++)
        {
            var following = Next(next) ?? DateTimeOffset.MaxValue;
            bool isInTime = now - next <= Grace || policy == MissedPolicy.All || (policy == MissedPolicy.Latest && following > now);
            if (isInTime && toRun.Count >= maxToRun)
                break;
            if (isInTime)
                toRun.Add(next);
            else
                (numMissed, through) = (numMissed + 1, next);
            next = following;
        }
        return new DueOccurrences(numMissed, through, toRun, next);
    }
}
