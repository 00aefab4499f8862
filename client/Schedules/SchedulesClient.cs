using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Client.Schedules;

/// <summary><c>/v1/schedules</c>.</summary>
public sealed class SchedulesClient
{
    private const string Path = "/v1/schedules";

    private readonly Transport _transport;

    internal SchedulesClient(Transport transport) => _transport = transport;

    public Task<Schedule> CreateAsync(ScheduleRequest request, CancellationToken cancellation = default) =>
        _transport.PostAsync<Schedule>(Path, request, cancellation);

    public Task<Schedule> GetAsync(string id, CancellationToken cancellation = default) =>
        _transport.GetAsync<Schedule>(Of(id), cancellation);

    /// <summary>Schedules, newest first.</summary>
    public IAsyncEnumerable<Schedule> ListAsync(CancellationToken cancellation = default) =>
        _transport.AllAsync<Schedule>(Path, [], cancellation);

    /// <summary>What became of each due time, newest first.</summary>
    public IAsyncEnumerable<ScheduleRun> RunsAsync(string id, CancellationToken cancellation = default) =>
        _transport.AllAsync<ScheduleRun>(Of(id, "/runs"), [], cancellation);

    public Task<Schedule> PauseAsync(string id, CancellationToken cancellation = default) =>
        _transport.PostAsync<Schedule>(Of(id, "/pause"), body: null, cancellation);

    public Task<Schedule> ResumeAsync(string id, CancellationToken cancellation = default) =>
        _transport.PostAsync<Schedule>(Of(id, "/resume"), body: null, cancellation);

    /// <summary>Deletes a schedule; its jobs and models stay.</summary>
    public Task DeleteAsync(string id, CancellationToken cancellation = default) => _transport.DeleteAsync(Of(id), cancellation);

    private static string Of(string id, string rest = "") => $"{Path}/{Uri.EscapeDataString(id)}{rest}";
}
