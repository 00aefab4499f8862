using System.Diagnostics;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Benchmarks.Faults;

/// <summary>
/// Empty storage accounts for consecutive trials. One variable of at most 128 KB names the accounts of an Azurite, and every ten minutes
/// Azurite collects unused memory and does not answer for minutes, so it is replaced before either limit is reached.
/// </summary>
internal sealed class TrialAccounts(CancellationToken cancellation) : IAsyncDisposable
{
    private const int NumAccounts = 100;
    private static readonly TimeSpan s_maxAge = TimeSpan.FromMinutes(5);

    private readonly string _logs = Directory.CreateTempSubdirectory("llada-faults-").FullName;
    private AzuriteServer? _azurite;
    private long _started;
    private int _next;

    /// <returns>Its connection string; those given before may be void by now.</returns>
    public async Task<string> NewAsync()
    {
        if (_azurite is null || _next == NumAccounts || Stopwatch.GetElapsedTime(_started) > s_maxAge)
        {
            await StopAsync();
            (_next, _started) = (0, Stopwatch.GetTimestamp());
            _azurite = await AzuriteServer.StartInMemoryAsync(
                [.. Enumerable.Range(0, NumAccounts).Select(Account)], _logs, Console.Error.WriteLine, cancellation);
        }
        return _azurite.ConnectionString(Account(_next++));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_logs, recursive: true);
    }

    private async Task StopAsync()
    {
        if (_azurite is not null)
            await _azurite.DisposeAsync();
        _azurite = null;
    }

    private static string Account(int index) => $"trial{index:D2}";
}
