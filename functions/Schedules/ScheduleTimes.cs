using Cronos;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>Checks the cron expression and the time zone of a schedule.</summary>
internal static class ScheduleTimes
{
    private const int MaxCron = 200, MaxTimeZone = 100;

    /// <summary>The finest that five fields can express; the parser also knows a macro for every second.</summary>
    private static readonly TimeSpan s_leastInterval = TimeSpan.FromMinutes(1);

    public static void Check(JsonReader body, string text, string zone, DateTimeOffset now)
    {
        if (text.Length > MaxCron || !CronExpression.TryParse(text, out _))
        {
            throw body.Invalid(
                "cron", "must be an expression of five fields: minute, hour, day of month, month, day of week", "invalid_cron");
        }
        if (NamesTwoKindsOfDays(text))
        {
            throw body.Invalid(
                "cron",
                "restricts the day of month and the day of week: POSIX runs on either day, other programs only where both match. "
                + "Leave one of them '*', or make a schedule for each",
                "ambiguous_cron");
        }
        bool isPath = zone.Contains("..", StringComparison.Ordinal);
        if (zone.Length > MaxTimeZone || isPath || !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _))
            throw body.Invalid("time_zone", "must be a name of the IANA database, such as Europe/Berlin", "invalid_time_zone");
        var occurrences = Occurrences.Parse(text, zone);
        if (occurrences.Next(now) is not { } first)
            throw body.Invalid("cron", $"never fires: there is no time that '{Excerpt.Of(text)}' names", "cron_never_fires");
        if (occurrences.Next(first) - first < s_leastInterval)
            throw body.Invalid("cron", "must not fire more often than once a minute", "invalid_cron");
    }

    /// <summary>Macros such as <c>@daily</c> have no fields and restrict at most one kind of day.</summary>
    private static bool NamesTwoKindsOfDays(string text)
    {
        string[] fields = text.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return fields.Length == 5 && IsRestricted(fields[2]) && IsRestricted(fields[4]);
    }

    /// <summary>POSIX counts a field that begins with an asterisk as unrestricted.</summary>
    private static bool IsRestricted(string field) => field[0] is not ('*' or '?');
}
