using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Batches.Lines;

/// <summary>
/// Finds the lines of a batch in the batches that retry it. A retry has the custom ids of its parent in the same order, so its lines are
/// read side by side with those of the parent.
/// </summary>
/// <param name="retries">The batches that retry, oldest first, each with all of its lines in order.</param>
internal sealed class LineRetries(
    IEnumerable<(BatchRecord Batch, IAsyncEnumerable<LineResult> Lines)> retries, CancellationToken cancellation) : IAsyncDisposable
{
    private readonly List<Cursor> _cursors =
        [.. retries.Select(retry => new Cursor(retry.Batch, retry.Lines.GetAsyncEnumerator(cancellation)))];

    /// <summary>Call it for each line of the parent, in order and from the first on.</summary>
    /// <returns>The same line in the batches that retry it, oldest first.</returns>
    public async Task<IReadOnlyList<LineRetryObject>> OfAsync(LineResult line)
    {
        List<LineRetryObject> found = [];
        foreach (var cursor in _cursors)
        {
            if (await cursor.TakeAsync(line.CustomId) is { } retried)
                found.Add(LineRetryObject.From(cursor.Batch, retried));
        }
        return found;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var cursor in _cursors)
            await cursor.Lines.DisposeAsync();
    }

    private sealed class Cursor(BatchRecord batch, IAsyncEnumerator<LineResult> lines)
    {
        private bool? _has;

        public BatchRecord Batch { get; } = batch;

        public IAsyncEnumerator<LineResult> Lines { get; } = lines;

        /// <returns>The next line when it has this custom_id; null otherwise.</returns>
        public async Task<LineResult?> TakeAsync(string customId)
        {
            _has ??= await Lines.MoveNextAsync();
            if (_has == false || Lines.Current.CustomId != customId)
                return null;
            var taken = Lines.Current;
            _has = await Lines.MoveNextAsync();
            return taken;
        }
    }
}
