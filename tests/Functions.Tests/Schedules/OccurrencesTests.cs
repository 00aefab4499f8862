using Cronos;
using CsCheck;
using LLaDA.Batch.Functions.Schedules;

namespace LLaDA.Batch.Functions.Tests.Schedules;

public sealed class OccurrencesTests
{
    private static readonly string[] s_crons = ["* * * * *", "*/7 * * * *", "0 3 * * *", "30 2 * * 0", "0 0 29 2 *", "15 */2 1,15 * *"];
    private static readonly string[] s_zones = ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"];

    private static readonly Gen<(Occurrences Times, DateTimeOffset From, DateTimeOffset Now, MissedPolicy Policy, int Max)> s_cases =
        from cron in Gen.Int[0, s_crons.Length - 1].Select(index => s_crons[index])
        from zone in Gen.Int[0, s_zones.Length - 1].Select(index => s_zones[index])
        from start in Gen.Int[0, 5 * 525_600]
        from minutes in Gen.OneOf(Gen.Int[0, 20], Gen.Int[0, 50_000])
        from policy in Gen.Enum<MissedPolicy>()
        from max in Gen.Int[0, 100]
        let times = Of(cron, zone)
        let @from = times.Next(new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero).AddMinutes(start))!.Value
        select (times, @from, @from.AddMinutes(minutes), policy, max);

    [Fact]
    public void Every_due_occurrence_is_run_or_missed_or_still_due_and_none_is_two_of_these() => s_cases.Sample(entry =>
    {
        var (times, from, now, policy, max) = entry;
        var due = times.Due(from, now, policy, max);

        List<DateTimeOffset> taken = [];
        for (var at = from; at < due.Next; at = times.Next(at)!.Value)
            taken.Add(at);
        Assert.Equal(taken.Count, due.NumMissed + due.ToRun.Count);
        Assert.Equal(taken.Skip(due.NumMissed), due.ToRun);     // missed ones come first
        Assert.True(due.NumMissed == 0 || taken[due.NumMissed - 1] == due.MissedThrough);
        Assert.True(due.ToRun.Count <= max);
        Assert.True(due.Next > now || due.ToRun.Count == max || taken.Count == 10_000, "something due was left without a reason");
    }, seed: "0000KuWtDC0t", iter: 2_000);

    [Fact]
    public void Each_policy_keeps_what_it_says() => s_cases.Sample(entry =>
    {
        var (times, from, now, policy, max) = entry;
        var due = times.Due(from, now, policy, max);
        int late = due.ToRun.Count(at => now - at > Occurrences.Grace);

        Assert.True(policy != MissedPolicy.All || due.NumMissed == 0);
        Assert.True(policy != MissedPolicy.Skip || late == 0);
        Assert.True(policy != MissedPolicy.Latest || late <= 1);
    }, seed: "0000KuWtDC0t", iter: 2_000);

    [Fact]
    public void A_time_that_the_clocks_leave_out_is_met_right_after_and_one_that_they_repeat_is_met_once()
    {
        var times = Of("30 2 * * *", "Europe/Berlin");

        Assert.Equal(
            ["03-28 01:30", "03-29 01:00", "03-30 00:30"], Next(times, new DateTimeOffset(2026, 3, 27, 12, 0, 0, TimeSpan.Zero), 3));
        Assert.Equal(
            ["10-24 00:30", "10-25 00:30", "10-26 01:30"], Next(times, new DateTimeOffset(2026, 10, 23, 12, 0, 0, TimeSpan.Zero), 3));
    }

    private static Occurrences Of(string cron, string zone) => new(CronExpression.Parse(cron), TimeZoneInfo.FindSystemTimeZoneById(zone));

    private static IEnumerable<string> Next(Occurrences times, DateTimeOffset after, int count)
    {
        for (int index = 0; index < count; index++)
        {
            after = times.Next(after)!.Value;
            yield return after.ToString("MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture);
        }
    }
}
