using System.CommandLine;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Usage;

namespace LLaDA.Batch.Cli.Usage;

/// <summary><c>llada usage</c>: what the tenant has used.</summary>
internal static class TenantUsageCommand
{
    private const int DefaultDays = 30;

    /// <param name="From">Null where all time is one row.</param>
    private sealed record Row(
        DateTimeOffset? From, string? Model, string? Endpoint, long Batches, long Lines, long Failed, long InputTokens, long OutputTokens);

    public static Command Create()
    {
        var target = new ServiceTarget();
        var since = new Option<DateTimeOffset?>("--since")
        {
            Description = $"Work that ended at this time or later; {DefaultDays} days by default",
        };
        var until = new Option<DateTimeOffset?>("--until") { Description = "Work that ended before this time; now by default" };
        var by = new Option<string[]>("--by")
        {
            Description = "A row for each model, endpoint, day or hour; may be repeated",
            DefaultValueFactory = _ => ["model"],
        };
        by.AcceptOnlyFromAmong("model", "endpoint", "day", "hour");
        var command = ServiceCommands.List(
            target, "usage", "Sums up what ended batches and answers at once have used, in UTC",
            (client, parse, cancellation) => RowsAsync(
                client, parse.GetValue(by)!, parse.GetValue(since) ?? TimeProvider.System.GetUtcNow().AddDays(-DefaultDays),
                parse.GetValue(until), cancellation),
            limit: null,
            ("FROM", row => row.From), ("MODEL", row => row.Model), ("BATCHES", row => row.Batches), ("LINES", row => row.Lines),
            ("FAILED", row => row.Failed), ("TOKENS IN", row => row.InputTokens), ("TOKENS OUT", row => row.OutputTokens),
            ("ENDPOINT", row => row.Endpoint));
        foreach (Option option in new Option[] { since, until, by })
            command.Options.Add(option);
        target.AddTo(command);
        return command;
    }

    private static async IAsyncEnumerable<Row> RowsAsync(
        LLaDAClient client, string[] by, DateTimeOffset start, DateTimeOffset? end,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        bool isByTime = by.Contains("day") || by.Contains("hour");
        var buckets = await client.UsageAsync(
            new UsageRequest(start)
            {
                End = end,
                ByHour = by.Contains("hour"),
                ByModel = by.Contains("model"),
                ByEndpoint = by.Contains("endpoint"),
            },
            cancellation);
        var groups = buckets
            .SelectMany(bucket => bucket.Results.Select(sums => (From: isByTime ? bucket.StartTime : (DateTimeOffset?)null, Sums: sums)))
            .GroupBy(entry => (entry.From, entry.Sums.Model, entry.Sums.Endpoint));
        foreach (var group in groups)
        {
            var (from, model, endpoint) = group.Key;
            long Sum(Func<UsageSums, long> number) => group.Sum(entry => number(entry.Sums));
            yield return new Row(
                from, model, endpoint, Sum(sums => sums.NumBatches), Sum(sums => sums.NumModelRequests + sums.NumFailedRequests),
                Sum(sums => sums.NumFailedRequests), Sum(sums => sums.InputTokens), Sum(sums => sums.OutputTokens));
        }
    }
}
