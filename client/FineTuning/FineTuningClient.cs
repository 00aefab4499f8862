using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Client.FineTuning;

/// <summary><c>/v1/fine_tuning/jobs</c>.</summary>
public sealed class FineTuningClient
{
    private const string Path = "/v1/fine_tuning/jobs";

    private readonly Transport _transport;

    internal FineTuningClient(Transport transport) => _transport = transport;

    public Task<FineTuningJob> CreateAsync(FineTuningRequest request, CancellationToken cancellation = default) =>
        _transport.PostAsync<FineTuningJob>(Path, request, cancellation);

    public Task<FineTuningJob> GetAsync(string id, CancellationToken cancellation = default) =>
        _transport.GetAsync<FineTuningJob>(Of(id), cancellation);

    /// <summary>Jobs, newest first.</summary>
    public IAsyncEnumerable<FineTuningJob> ListAsync(CancellationToken cancellation = default) =>
        _transport.AllAsync<FineTuningJob>(Path, [], cancellation);

    /// <summary>Events of a job, newest first.</summary>
    public IAsyncEnumerable<FineTuningEvent> EventsAsync(string id, CancellationToken cancellation = default) =>
        _transport.AllAsync<FineTuningEvent>(Of(id, "/events"), [("limit", "100")], cancellation);

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
