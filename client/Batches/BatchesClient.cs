using System.Globalization;
using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Client.Batches;

/// <summary><c>/v1/batches</c>.</summary>
public sealed class BatchesClient
{
    private const string Path = "/v1/batches";
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(200), s_longestPause = TimeSpan.FromSeconds(5);

    private readonly Transport _transport;

    internal BatchesClient(Transport transport) => _transport = transport;

    public Task<BatchJob> CreateAsync(BatchRequest request, CancellationToken cancellation = default) =>
        _transport.PostAsync<BatchJob>(Path, request, cancellation);

    public Task<BatchJob> GetAsync(string id, CancellationToken cancellation = default) =>
        _transport.GetAsync<BatchJob>(Of(id), cancellation);

    /// <summary>Batches, newest first, asked for page by page.</summary>
    /// <param name="filter">Null lists all.</param>
    public IAsyncEnumerable<BatchJob> ListAsync(BatchFilter? filter = null, CancellationToken cancellation = default) =>
        _transport.AllAsync<BatchJob>(
            Path,
            [
                ("status", filter?.Status), ("endpoint", filter?.Endpoint), ("model", filter?.Model),
                ("created_after", Query.Text(filter?.CreatedAfter)), ("created_before", Query.Text(filter?.CreatedBefore)),
                .. Query.Metadata(filter?.Metadata),
            ],
            cancellation);

    /// <summary>Cancels a batch; its finished lines are kept.</summary>
    public Task<BatchJob> CancelAsync(string id, CancellationToken cancellation = default) =>
        _transport.PostAsync<BatchJob>(Of(id, "/cancel"), body: null, cancellation);

    /// <summary>Runs the failed lines of an ended batch again, as a new batch.</summary>
    /// <param name="codes">Of the errors to retry; null for all.</param>
    public Task<BatchJob> RetryAsync(string id, IReadOnlyList<string>? codes = null, CancellationToken cancellation = default) =>
        _transport.PostAsync<BatchJob>(Of(id, "/retry"), new { codes }, cancellation);

    /// <summary>Deletes an ended batch.</summary>
    public Task DeleteAsync(string id, CancellationToken cancellation = default) => _transport.DeleteAsync(Of(id), cancellation);

    /// <summary>The lines of a batch in the order of the input, while it runs and after.</summary>
    /// <param name="status">Some of <c>pending</c>, <c>completed</c> and <c>failed</c>, separated by commas; null for all.</param>
    /// <param name="after">Lines with a higher number.</param>
    /// <param name="limit">At most so many lines; null for all.</param>
    public IAsyncEnumerable<BatchResult> ResultsAsync(
        string id, string? status = null, int? after = null, int? limit = null, CancellationToken cancellation = default) =>
        _transport.LinesAsync<BatchResult>(
            Query.Of(Of(id, "/results"), ("status", status), ("after", Text(after)), ("limit", Text(limit))), cancellation);

    /// <summary>
    /// Follows a batch to its end, looking each tenth of the time that it has taken so far, from 0.2 to 5 seconds. Failures of the service
    /// that pass are waited out.
    /// </summary>
    /// <param name="onProgress">Receives each state that was seen.</param>
    public async Task<BatchJob> WaitAsync(string id, Action<BatchJob>? onProgress = null, CancellationToken cancellation = default)
    {
        var waited = TimeSpan.Zero;
        while (true)
        {
            var pause = TimeSpan.FromTicks(Math.Clamp(waited.Ticks / 10, s_shortestPause.Ticks, s_longestPause.Ticks));
            try
            {
                var batch = await GetAsync(id, cancellation);
                onProgress?.Invoke(batch);
                if (batch.IsTerminal)
                    return batch;
            }
            catch (ServiceException failure) when (failure.Status is 0 or 429 or >= 500)
            {
                pause = failure.RetryAfter ?? s_longestPause;
            }
            await Task.Delay(pause, cancellation);
            waited += pause;
        }
    }

    private static string? Text(int? number) => number?.ToString(CultureInfo.InvariantCulture);

    private static string Of(string id, string rest = "") => $"{Path}/{Uri.EscapeDataString(id)}{rest}";
}
