using System.Globalization;
using System.Text.RegularExpressions;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>The time after which a batch expires: <c>1h</c> to <c>14d</c>.</summary>
internal static partial class CompletionWindow
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(14);

    /// <summary>Reads the value of <c>completion_window</c>.</summary>
    public static TimeSpan Read(JsonReader body, string window) => Parse(window) ?? throw body.Invalid(
        "completion_window", $"must be a time from 1h to {s_longest.Days}d, such as 24h, not '{Excerpt.Of(window)}'");

    /// <returns>Null when it is no window.</returns>
    public static TimeSpan? Parse(string window)
    {
        if (Pattern().Match(window) is not { Success: true } match)
            return null;
        int count = int.Parse(match.Groups["count"].ValueSpan, CultureInfo.InvariantCulture);
        var duration = match.Groups["unit"].Value == "h" ? TimeSpan.FromHours(count) : TimeSpan.FromDays(count);
        return duration > TimeSpan.Zero && duration <= s_longest ? duration : null;
    }

    [GeneratedRegex("^(?<count>[0-9]{1,6})(?<unit>[hd])\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Pattern();
}
