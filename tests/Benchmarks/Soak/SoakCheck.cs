using System.Globalization;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Benchmarks.Soak;

/// <summary>What came of the accepted jobs of one kind.</summary>
/// <param name="Forgotten">Gone, and acknowledged when Azurite need not have saved it before it was killed.</param>
/// <param name="Lost">Gone, although Azurite had saved it.</param>
/// <param name="ErrorLines">Lines of completed batches that were answered with server_error: each ended its worker by the kills.</param>
internal sealed record SoakRow(
    string Kind, int Accepted, int Succeeded, int Cancelled, int Failed, int Forgotten, int Lost, int Lines, int ErrorLines);

/// <summary>Compares what a service acknowledged with what it has in the end.</summary>
/// <param name="kills">All of the run.</param>
internal sealed class SoakCheck(IReadOnlyList<Kill> kills, AzuriteSaves saves)
{
    /// <summary>
    /// How long the end of a batch may wait for storage that is starting again, with the results that it wrote before: the repetitions of
    /// the storage clients.
    /// </summary>
    private static readonly TimeSpan s_repetitions = TimeSpan.FromSeconds(15);

    private readonly List<string> _violations = [], _failures = [];

    public IReadOnlyList<string> Violations => _violations;

    /// <summary>Jobs that failed, and why.</summary>
    public IReadOnlyList<string> Failures => _failures;

    public async Task<IReadOnlyList<SoakRow>> RunAsync(IReadOnlyList<SoakTenant> tenants, CancellationToken cancellation)
    {
        List<SoakRow> rows = [];
        foreach (var tenant in tenants)
        {
            foreach (var job in tenant.Jobs)
                rows.Add(await CheckAsync(tenant.Client, job, cancellation));
            foreach (string path in new[] { "/v1/batches", "/v1/fine_tuning/jobs" })
            {
                foreach (var open in (await tenant.Client.ListAsync(path, cancellation)).Where(job => !SoakTenant.HasEnded(job)))
                    _violations.Add($"{open["id"]} is still {open["status"]}");
            }
        }
        return [.. rows.GroupBy(row => row.Kind).OrderBy(group => group.Key, StringComparer.Ordinal).Select(Sum)];
    }

    private static SoakRow Sum(IGrouping<string, SoakRow> rows) => new(
        rows.Key, rows.Sum(row => row.Accepted), rows.Sum(row => row.Succeeded), rows.Sum(row => row.Cancelled),
        rows.Sum(row => row.Failed),
        rows.Sum(row => row.Forgotten), rows.Sum(row => row.Lost), rows.Sum(row => row.Lines), rows.Sum(row => row.ErrorLines));

    private async Task<SoakRow> CheckAsync(SoakClient client, SoakJob job, CancellationToken cancellation)
    {
        var row = new SoakRow(job.Kind, Accepted: 1, 0, 0, 0, 0, 0, 0, 0);
        if (await client.FindAsync(job.Path, cancellation) is not { } state)
            return Gone(row, job, "is gone", AzuriteSaves.Rows, job.Accepted);
        if (job.Kind == "upload")
            _violations.Add($"{job.Path} is there, and was not found by the job that named it");
        switch (state["status"]!.GetValue<string>())
        {
            case "succeeded":
                return row with { Succeeded = 1 };
            case "failed":
                string reason = (state["errors"] ?? state["error"])?.ToJsonString() ?? "";
                _failures.Add($"{job.Path}: {reason}");
                // The rule of three runs without a checkpoint may meet a training whose workers are killed.
                return job.NumLines == 0 && reason.Contains("server_error", StringComparison.Ordinal)
                    ? row with { Failed = 1 }
                    : Gone(row with { Failed = 1 }, job, $"failed: {reason}", AzuriteSaves.RowsAndBytes, job.Accepted, job.Uploaded);
            case "completed" or "cancelled" or "expired":
                return await CheckLinesAsync(client, job, state, row, cancellation);
            default:
                return row;     // Listed among those that have not ended.
        }
    }

    private async Task<SoakRow> CheckLinesAsync(SoakClient client, SoakJob job, JsonNode state, SoakRow row, CancellationToken cancellation)
    {
        List<int> answered = [], failed = [];
        foreach (var (field, lines) in new[] { ("output_file_id", answered), ("error_file_id", failed) })
        {
            if (state[field]?.GetValue<string>() is not { } file)
                continue;
            if (await client.FindContentAsync(file, cancellation) is not { } content)
                return Gone(row, job, $"has lost {field}", AzuriteSaves.RowsAndBytes, EndOf(state));
            lines.AddRange(content.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line =>
                int.Parse(JsonNode.Parse(line)!["custom_id"]!.GetValue<string>(), CultureInfo.InvariantCulture)));
        }
        bool isCancelled = state["status"]!.GetValue<string>() == "cancelled";
        bool areWhole = answered.Concat(failed).Order().SequenceEqual(Enumerable.Range(1, job.NumLines))
            || (isCancelled && answered.Count + failed.Count == 0);
        if (!areWhole)
            _violations.Add($"{job.Path} has the lines {string.Join(' ', answered)} and {string.Join(' ', failed)} of {job.NumLines}");
        if (!answered.SequenceEqual(answered.Order()) || !failed.SequenceEqual(failed.Order()))
            _violations.Add($"{job.Path} is not in the order of its input");
        if (isCancelled && !job.IsCancelled)
            _violations.Add($"{job.Path} is cancelled and was not asked to be");
        return row with
        {
            Succeeded = isCancelled ? 0 : 1,
            Cancelled = isCancelled ? 1 : 0,
            Lines = answered.Count + failed.Count,
            ErrorLines = isCancelled ? 0 : failed.Count,
        };
    }

    private static WriteTime EndOf(JsonNode batch)
    {
        var end = DateTimeOffset.FromUnixTimeSeconds(
            (batch["completed_at"] ?? batch["cancelled_at"] ?? batch["expired_at"])?.GetValue<long>() ?? 0);
        return new WriteTime(end - s_repetitions, end + TimeSpan.FromSeconds(1));
    }

    /// <summary>A kill of Azurite loses what was written before it and after the last but one save, and nothing else.</summary>
    private SoakRow Gone(SoakRow row, SoakJob job, string what, IReadOnlyList<string> databases, params WriteTime[] writes)
    {
        bool isForgotten = kills.Where(kill => kill.Program == StackSignals.Azurite).Any(kill =>
            writes.Any(write => write.Asked <= kill.At && write.Answered >= saves.KeptUntil(kill.At, databases)));
        if (isForgotten)
            return row with { Forgotten = 1 };
        _violations.Add($"{job.Path} {what}");
        return row with { Lost = 1 };
    }
}
