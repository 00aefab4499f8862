namespace LLaDA.Batch.Benchmarks.Soak;

/// <summary>The saves of one of Azurite's databases.</summary>
/// <param name="LongestSeconds">The longest time between two saves that were seen.</param>
internal sealed record SavesRow(string Database, int Saves, double LongestSeconds);

/// <summary>
/// Watches when Azurite saves its databases. A timer turns each into a text in memory, which goes to a new file that replaces the old one
/// when all of it is written; the next save begins after that. The file's time is thus between a save's text and the next one's, and what
/// was written before the last but one save is in the file whatever the load. A save that was not seen moves that instant back, not forth.
/// </summary>
/// <param name="folder">Has the databases.</param>
internal sealed class AzuriteSaves(string folder)
{
    /// <summary>Rows.</summary>
    public static readonly IReadOnlyList<string> Rows = ["__azurite_db_table__.json"];

    /// <summary>Rows and bytes: a blob is an entry in one database and names places in files that another one lists.</summary>
    public static readonly IReadOnlyList<string> RowsAndBytes = [.. Rows, "__azurite_db_blob__.json", "__azurite_db_blob_extent__.json"];

    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(100);

    private readonly (string Name, List<DateTimeOffset> Saves)[] _databases =
        [.. RowsAndBytes.Select(name => (name, new List<DateTimeOffset>()))];

    public IEnumerable<SavesRow> Summary => _databases.Select(database => new SavesRow(
        database.Name,
        database.Saves.Count,
        database.Saves.Zip(database.Saves.Skip(1), (one, next) => (next - one).TotalSeconds).DefaultIfEmpty().Max()));

    /// <summary>What was written before is on disk after a kill.</summary>
    public DateTimeOffset KeptUntil(DateTimeOffset kill, IReadOnlyList<string> databases) =>
        _databases.Where(database => databases.Contains(database.Name))
            .Min(database => database.Saves.Where(save => save <= kill).SkipLast(1).LastOrDefault());

    /// <summary>Runs until it is cancelled, and the saves can be asked for after that.</summary>
    public async Task WatchAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(s_look);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                foreach (var (name, saves) in _databases)
                {
                    var save = new DateTimeOffset(File.GetLastWriteTimeUtc(Path.Combine(folder, name)));
                    if (saves.Count == 0 || save > saves[^1])
                        saves.Add(save);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The time is over.
        }
    }
}
