using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Client.FineTuning;

/// <summary><c>/v1/fine_tuning/jobs</c>.</summary>
public sealed class FineTuningClient
{
    private const string Path = "/v1/fine_tuning/jobs";

    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1), s_pauseOfFailure = TimeSpan.FromSeconds(5);

    private readonly Transport _transport;

    internal FineTuningClient(Transport transport) => _transport = transport;

    public Task<FineTuningJob> CreateAsync(FineTuningRequest request, CancellationToken cancellation = default) =>
        _transport.PostAsync<FineTuningJob>(Path, request, cancellation);

    public Task<FineTuningJob> GetAsync(string id, CancellationToken cancellation = default) =>
        _transport.GetAsync<FineTuningJob>(Of(id), cancellation);

    /// <summary>Jobs, newest first.</summary>
    /// <param name="metadata">Texts that a job was created with; null lists all jobs.</param>
    public IAsyncEnumerable<FineTuningJob> ListAsync(
        IReadOnlyDictionary<string, string>? metadata = null, CancellationToken cancellation = default) =>
        _transport.AllAsync<FineTuningJob>(Path, [.. Query.Metadata(metadata)], cancellation);

    /// <summary>Events of a job, newest first.</summary>
    public IAsyncEnumerable<FineTuningEvent> EventsAsync(string id, CancellationToken cancellation = default) =>
        _transport.AllAsync<FineTuningEvent>(Of(id, "/events"), [("limit", "100")], cancellation);

    /// <summary>Follows a job to its end, with a look each second.</summary>
    /// <param name="onEvent">Receives the newest event of the job whenever there is another one.</param>
    public async Task<FineTuningJob> WaitAsync(
        string id, Action<FineTuningEvent>? onEvent = null, CancellationToken cancellation = default)
    {
        string? last = null;
        while (true)
        {
            var pause = s_pause;
            try
            {
                var job = await GetAsync(id, cancellation);
                if (await EventsAsync(id, cancellation).FirstOrDefaultAsync(cancellation) is { } newest && newest.Id != last)
                {
                    last = newest.Id;
                    onEvent?.Invoke(newest);
                }
                if (job.IsTerminal)
                    return job;
            }
            catch (ServiceException failure) when (failure.Status is 0 or 429 or >= 500)
            {
                pause = failure.RetryAfter ?? s_pauseOfFailure;
            }
            await Task.Delay(pause, cancellation);
        }
    }

    /// <summary>Ends a job and keeps its checkpoints.</summary>
    public Task<FineTuningJob> CancelAsync(string id, CancellationToken cancellation = default) => ChangeAsync(id, "/cancel", cancellation);

    /// <summary>Makes a checkpoint and stops.</summary>
    public Task<FineTuningJob> PauseAsync(string id, CancellationToken cancellation = default) => ChangeAsync(id, "/pause", cancellation);

    /// <summary>Continues a paused job.</summary>
    public Task<FineTuningJob> ResumeAsync(string id, CancellationToken cancellation = default) => ChangeAsync(id, "/resume", cancellation);

    private Task<FineTuningJob> ChangeAsync(string id, string verb, CancellationToken cancellation) =>
        _transport.PostAsync<FineTuningJob>(Of(id, verb), body: null, cancellation);

    private static string Of(string id, string rest = "") => $"{Path}/{Uri.EscapeDataString(id)}{rest}";
}
