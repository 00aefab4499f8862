using System.Globalization;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Benchmarks.Soak;

/// <summary>What came of the accepted jobs of one kind.</summary>
/// <param name="Forgotten">Acknowledged within the last seconds before a kill of Azurite, and lost with them.</param>
/// <param name="ErrorLines">Lines of completed batches that were answered with server_error: each ended its worker by the kills.</param>
internal sealed record SoakRow(
    string Kind, int Accepted, int Succeeded, int Cancelled, int Failed, int Forgotten, int Lines, int ErrorLines);

/// <summary>Compares what a service acknowledged with what it has in the end.</summary>
/// <param name="kills">All of the run.</param>
internal sealed class SoakCheck(IReadOnlyList<Kill> kills)
{
    /// <summary>Azurite saves every five seconds, and a save takes a moment.</summary>
    private static readonly TimeSpan s_unsaved = TimeSpan.FromSeconds(7);

    private readonly List<string> _violations = [];

    public IReadOnlyList<string> Violations => _violations;

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
        rows.Sum(row => row.Forgotten), rows.Sum(row => row.Lines), rows.Sum(row => row.ErrorLines));

    private async Task<SoakRow> CheckAsync(SoakClient client, SoakJob job, CancellationToken cancellation)
    {
        var row = new SoakRow(job.Kind, Accepted: 1, 0, 0, 0, 0, 0, 0);
        if (await client.FindAsync(job.Path, cancellation) is not { } state)
            return Forgotten(row, job, "is gone", job.AcceptedAt);
        if (job.Kind == "upload")
            _violations.Add($"{job.Path} is there, and was not found by the job that named it");
        switch (state["status"]!.GetValue<string>())
        {
            case "succeeded":
                return row with { Succeeded = 1 };
            case "failed":
                string reason = (state["errors"] ?? state["error"])?.ToJsonString() ?? "";
                // The rule of three runs without a checkpoint may meet a training whose workers are killed.
                return job.NumLines == 0 && reason.Contains("server_error", StringComparison.Ordinal)
                    ? row with { Failed = 1 }
                    : Forgotten(row with { Failed = 1 }, job, $"failed: {reason}", job.AcceptedAt, job.UploadedAt);
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
                return Forgotten(row, job, $"has lost {field}", EndOf(state));
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

    private static DateTimeOffset EndOf(JsonNode batch) => DateTimeOffset.FromUnixTimeSeconds(
        (batch["completed_at"] ?? batch["cancelled_at"] ?? batch["expired_at"])?.GetValue<long>() ?? 0);

    /// <summary>What was acknowledged right before a kill of Azurite may be lost, and nothing else.</summary>
    private SoakRow Forgotten(SoakRow row, SoakJob job, string what, params DateTimeOffset[] acknowledged)
    {
        bool isExcused = acknowledged.Any(time => kills.Any(kill =>
            kill.Program == StackSignals.Azurite && kill.At + TimeSpan.FromSeconds(1) >= time && kill.At - time <= s_unsaved));
        if (!isExcused)
            _violations.Add($"{job.Path} {what}");
        return row with { Forgotten = 1 };
    }
}
