using System.Globalization;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>What the metadata of a part says about its lines; also that of stored progress.</summary>
internal static class PartMetadata
{
    private const string CompletedName = "completed", FailedName = "failed", ExpiredName = "expired", ErrorsName = "errors";
    private const string PromptTokensName = "prompt_tokens", CompletionTokensName = "completion_tokens", WorkerName = "worker";
    private const string InWorkName = "in_work";

    /// <param name="worker">Null where no worker ran the lines.</param>
    public static Dictionary<string, string> Of(PartCounts counts, IEnumerable<PartLine> lines, string? worker)
    {
        Dictionary<string, string> metadata = new()
        {
            [CompletedName] = Invariant(counts.Completed),
            [FailedName] = Invariant(counts.Failed),
            [PromptTokensName] = Invariant(counts.PromptTokens),
            [CompletionTokensName] = Invariant(counts.CompletionTokens),
            [ExpiredName] = Invariant(counts.Expired),
        };
        if (ErrorCounts.Of(lines) is { IsEmpty: false } errors)
            metadata[ErrorsName] = errors.ToString();
        if (counts.InWork > 0)
            metadata[InWorkName] = counts.InWork.ToString("F4", CultureInfo.InvariantCulture);
        if (worker is not null)
            metadata[WorkerName] = worker;
        return metadata;
    }

    /// <summary>Parts of earlier versions have no count of expired lines, and none by error.</summary>
    public static PartCounts CountsOf(IDictionary<string, string> metadata)
    {
        long Count(string name) => long.Parse(metadata[name], CultureInfo.InvariantCulture);
        int expired = metadata.ContainsKey(ExpiredName) ? (int)Count(ExpiredName) : 0;
        var errors = ErrorCounts.Parse(metadata.TryGetValue(ErrorsName, out string? text) ? text : null);
        double inWork = metadata.TryGetValue(InWorkName, out string? share) ? double.Parse(share, CultureInfo.InvariantCulture) : 0;
        var (completed, failed) = ((int)Count(CompletedName), (int)Count(FailedName));
        return new PartCounts(completed, failed, Count(PromptTokensName), Count(CompletionTokensName), expired, errors, inWork);
    }

    /// <returns>Null where no worker ran the lines, and for parts of earlier versions.</returns>
    public static string? WorkerOf(IDictionary<string, string> metadata) =>
        metadata.TryGetValue(WorkerName, out string? name) ? name : null;

    private static string Invariant(long value) => value.ToString(CultureInfo.InvariantCulture);
}
