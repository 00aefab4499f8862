using System.Collections.Concurrent;
using System.Threading.Channels;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Worker.Models;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>
/// Shows a line while it is answered. Steps are taken from the tensor thread without waiting; the newest one of each answer is written at
/// most ten times a second, and the others are left out. Where storage fails, there are no more frames, and the answer comes all the same.
/// </summary>
internal sealed class FrameWriter : IAsyncDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<int, LineStep> _newest = new();
    private readonly Channel<bool> _shown = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    private readonly CancellationTokenSource _ended = new();
    private readonly Task _writing;

    public FrameWriter(FrameBlob blob, TimeProvider time) => _writing = WriteAsync(blob, time);

    /// <summary>Never waits.</summary>
    public void Show(LineStep step)
    {
        _newest[step.Answer] = step;
        _shown.Writer.TryWrite(true);
    }

    /// <summary>Ends at once: what was not written yet is in the answer.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ended.Dispose();
    }

    private async Task WriteAsync(FrameBlob blob, TimeProvider time)
    {
        await blob.CreateAsync(_ended.Token);
        await foreach (bool _ in _shown.Reader.ReadAllAsync(_ended.Token))
        {
            AnswerFrame[] frames = [.. TakeNewest()];
            if (frames.Length == 0)
                continue;
            await blob.AppendAsync(frames, _ended.Token);
            await Task.Delay(s_interval, time, _ended.Token);
        }
    }

    private IEnumerable<AnswerFrame> TakeNewest()
    {
        foreach (int answer in _newest.Keys.Order())
        {
            if (!_newest.TryRemove(answer, out var step))
                continue;
            var (text, numSettled) = step.ToText();
            yield return new AnswerFrame(step.Block, step.Step, step.NumMasked, text, numSettled, answer);
        }
    }
}
