using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>How often the steps of a streamed answer are written.</summary>
public sealed class FrameWriterTests(StorageFixture fixture)
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100), s_patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Frames_are_written_ten_times_a_second_at_most_and_the_newest_step_is_not_left_out()
    {
        var storage = new StorageAccount(new StorageOptions { ConnectionString = fixture.NewConnectionString() });
        await storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        var frames = new BatchBlobs(storage, new JobKey("tenant", "now-1")).Frames;
        var time = new CountedTime();
        await using var writer = new FrameWriter(frames, time);

        writer.Show(Step(1));
        await WaitAsync(frames, numFrames: 1);
        await UntilAsync(() => Task.FromResult(time.NumTimers == 1));    // it pauses: time that is advanced before is lost
        for (int step = 2; step <= 50; step++)
            writer.Show(Step(step));
        time.Advance(s_interval - TimeSpan.FromMilliseconds(1));
        await Task.Delay(s_interval);    // a frame would be there by now
        Assert.Single(await ReadAsync(frames));

        time.Advance(TimeSpan.FromMilliseconds(1));
        await WaitAsync(frames, numFrames: 2);

        Assert.Equal([1, 50], (await ReadAsync(frames)).Select(frame => frame.Step));
    }

    private static LineStep Step(int number) => new(Block: 0, number, NumMasked: 50 - number, () => new ShownText($"step {number}", 0));

    private static Task WaitAsync(FrameBlob frames, int numFrames) => UntilAsync(async () => (await ReadAsync(frames)).Count >= numFrames);

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var patience = new CancellationTokenSource(s_patience);
        while (!await holds())
            await Task.Delay(10, patience.Token);
    }

    private static async Task<IReadOnlyList<AnswerFrame>> ReadAsync(FrameBlob frames) =>
        (await frames.ReadAsync(default, CancellationToken.None)).Frames;

    private sealed class CountedTime : FakeTimeProvider
    {
        private int _numTimers;

        public int NumTimers => Volatile.Read(ref _numTimers);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Interlocked.Increment(ref _numTimers);
            return timer;
        }
    }
}
