using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Batches;

namespace LLaDA.Batch.Cli.Batches;

/// <summary>Follows a batch. Ctrl-C stops the following and never the batch.</summary>
internal static class BatchWatch
{
    /// <returns>The batch as it ended.</returns>
    /// <exception cref="OperationCanceledException">Ctrl-C; the way to continue has been printed.</exception>
    public static async Task<BatchJob> RunAsync(LLaDAClient client, string id, Shell shell, CancellationToken cancellation)
    {
        try
        {
            var batch = await client.Batches.WaitAsync(id, batch => Show(batch, shell), cancellation);
            shell.Clear();
            return batch;
        }
        catch (OperationCanceledException)
        {
            shell.Say($"The batch continues. 'llada batches watch {id}' follows it again, 'llada batches cancel {id}' ends it");
            throw;
        }
    }

    public static void SayFaults(BatchJob batch, Shell shell)
    {
        foreach (var fault in batch.Errors?.Data ?? [])
            shell.Say(fault.Line is { } line ? $"Line {line}: {fault.Message}" : fault.Message);
    }

    /// <summary>A sentence on the outcome.</summary>
    public static string Outcome(BatchJob batch) =>
        $"{batch.Id} is {batch.Status}: {batch.RequestCounts.Completed} lines done, {batch.RequestCounts.Failed} failed "
        + $"of {batch.RequestCounts.Total}";

    public static int ExitCodeOf(BatchJob batch) => batch switch
    {
        { Status: "failed" } => ExitCodes.Refused,
        { Status: not "completed" } or { RequestCounts.Failed: > 0 } => ExitCodes.LinesFailed,
        _ => ExitCodes.Done,
    };

    private static void Show(BatchJob batch, Shell shell)
    {
        var counts = batch.RequestCounts;
        string left = batch.EstimatedCompletionAt is { } end
            ? $", about {Math.Max(0, (end - TimeProvider.System.GetUtcNow()).TotalSeconds):F0} s left"
            : "";
        shell.Progress(counts.Completed + counts.Failed, counts.Total,
            $"{batch.Status.Replace('_', ' ')}, {counts.Completed} done, {counts.Failed} failed of {counts.Total}{left}");
    }
}
