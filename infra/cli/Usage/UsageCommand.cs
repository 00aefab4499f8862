using System.CommandLine;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Usage;

namespace LLaDA.Batch.Cli.Usage;

/// <summary><c>llada admin usage</c>: what tenants have used, by tenant and model.</summary>
internal static class UsageCommand
{
    private const int DefaultDays = 30;

    public static Command Create()
    {
        var target = new StorageTarget();
        var tenant = new Option<string?>("--tenant") { Description = "Only this tenant" };
        var since = new Option<DateTimeOffset?>("--since")
        {
            Description = $"Batches that ended at this time or later. Without it, {DefaultDays} days",
        };
        var until = new Option<DateTimeOffset?>("--until") { Description = "Batches that ended before this time. Without it, now" };
        var command = new Command("usage", "Lists what ended batches and answers at once have used, by tenant and model")
        {
            tenant, since, until,
        };
        target.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            var end = parse.GetValue(until) ?? TimeProvider.System.GetUtcNow().AddSeconds(1);
            var start = parse.GetValue(since) ?? end.AddDays(-DefaultDays);
            Dictionary<(string Tenant, string Model), Row> rows = [];
            var store = new UsageStore(target.Connect(parse));
            await foreach (var record in store.ListAsync(parse.GetValue(tenant), start, end, cancellation))
            {
                var key = (record.Tenant, record.Model);
                rows[key] = rows.GetValueOrDefault(key, new Row(record.Tenant, record.Model, 0, 0, 0, 0, 0)).Add(record);
            }
            target.Report(parse).Table(
                [.. rows.Values.OrderBy(row => row.Tenant, StringComparer.Ordinal).ThenBy(row => row.Model, StringComparer.Ordinal)],
                ("TENANT", row => row.Tenant), ("MODEL", row => row.Model), ("BATCHES", row => row.Batches), ("LINES", row => row.Lines),
                ("FAILED", row => row.Failed), ("INPUT TOKENS", row => row.InputTokens), ("OUTPUT TOKENS", row => row.OutputTokens));
        });
        return command;
    }

    private sealed record Row(string Tenant, string Model, long Batches, long Lines, long Failed, long InputTokens, long OutputTokens)
    {
        public Row Add(UsageRecord record) => this with
        {
            Batches = Batches + 1,
            Lines = Lines + record.CompletedLines + record.FailedLines,
            Failed = Failed + record.FailedLines,
            InputTokens = InputTokens + record.PromptTokens,
            OutputTokens = OutputTokens + record.CompletionTokens,
        };
    }
}
