using System.Threading.Channels;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Worker.Models;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>
/// Shows a line while it is answered. Steps are taken from the tensor thread without waiting; the newest one is written at most ten times
/// a second, and the others are left out. Where storage fails, there are no more frames, and the answer comes all the same.
/// </summary>
internal sealed class FrameWriter : IAsyncDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    private readonly Channel<LineStep> _steps = Channel.CreateBounded<LineStep>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    private readonly CancellationTokenSource _ended = new();
    private readonly Task _writing;

    public FrameWriter(FrameBlob blob, TimeProvider time) => _writing = WriteAsync(blob, time);

    /// <summary>Never waits.</summary>
    public void Show(LineStep step) => _steps.Writer.TryWrite(step);

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
        await foreach (var step in _steps.Reader.ReadAllAsync(_ended.Token))
        {
            var (text, numSettled) = step.ToText();
            await blob.AppendAsync(new AnswerFrame(step.Block, step.Step, step.NumMasked, text, numSettled), _ended.Token);
            await Task.Delay(s_interval, time, _ended.Token);
        }
    }
}
