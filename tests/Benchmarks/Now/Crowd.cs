using System.Net;
using LLaDA.Batch.Benchmarks.Fairness;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Benchmarks.Now;

/// <summary>What a crowd got so far.</summary>
/// <param name="Refused">Answers of 429.</param>
internal sealed record CrowdCounts(int Answered, int Refused)
{
    public static CrowdCounts operator -(CrowdCounts later, CrowdCounts earlier) =>
        new(later.Answered - earlier.Answered, later.Refused - earlier.Refused);
}

/// <summary>Connections of one tenant, each of which sends its next request at once, or a second after it was refused.</summary>
internal sealed class Crowd : IAsyncDisposable
{
    private static readonly TimeSpan s_afterRefusal = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _ending = new();
    private readonly TenantClient _client;
    private readonly Task _running;
    private int _sent, _answered, _refused;

    public Crowd(TenantClient client, int connections)
    {
        _client = client;
        _running = Task.WhenAll(Enumerable.Range(0, connections).Select(_ => SendAsync(_ending.Token)));
    }

    public CrowdCounts Counts => new(Volatile.Read(ref _answered), Volatile.Read(ref _refused));

    /// <summary>Hangs up, and so cancels what was not answered yet.</summary>
    /// <exception cref="StackException">A request failed.</exception>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _running;
        _ending.Dispose();
    }

    private async Task SendAsync(CancellationToken ending)
    {
        try
        {
            while (!ending.IsCancellationRequested)
            {
                string text = $"And God said to the {Interlocked.Increment(ref _sent)}. of them, [MASK:16].";
                using var response = await _client.SendAsync("/v1/infill", new { model = _client.Model, text }, ending);
                if (response.IsSuccessStatusCode)
                    Interlocked.Increment(ref _answered);
                else if (response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable)
                {
                    Interlocked.Increment(ref _refused);
                    await Task.Delay(s_afterRefusal, ending);
                }
                else
                    throw new StackException($"The API answered {(int)response.StatusCode} to the crowd");
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
        }
    }
}
