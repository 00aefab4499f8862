using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Worker.Tests;

public sealed class TensorThreadTests
{
    [Fact]
    public async Task All_work_runs_on_one_thread_in_the_order_of_the_calls()
    {
        using var thread = new TensorThread();
        List<int> order = [];

        int[] threads = await Task.WhenAll(Enumerable.Range(0, 100).Select(index => thread.RunAsync(() =>
        {
            order.Add(index);
            return Environment.CurrentManagedThreadId;
        }, CancellationToken.None)));

        Assert.Single(threads.Distinct());
        Assert.Equal(Enumerable.Range(0, 100), order);
    }

    [Fact]
    public async Task Work_that_throws_fails_its_caller_alone()
    {
        using var thread = new TensorThread();

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => thread.RunAsync<int>(() => throw new InvalidOperationException(), CancellationToken.None));

        Assert.Equal(1, await thread.RunAsync(() => 1, CancellationToken.None));
    }

    [Fact]
    public async Task Work_that_was_cancelled_before_its_turn_does_not_run()
    {
        using var thread = new TensorThread();
        using var cancellation = new CancellationTokenSource();
        using var gate = new ManualResetEventSlim();
        bool hasRun = false;
        var first = thread.RunAsync(() => gate.Wait(TimeSpan.FromSeconds(30), CancellationToken.None), CancellationToken.None);
        var second = thread.RunAsync(() => hasRun = true, cancellation.Token);

        await cancellation.CancelAsync();
        gate.Set();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.True(await first);
        Assert.False(hasRun);
    }

    [Fact]
    public async Task Others_have_their_turns_beside_work_that_never_ends()
    {
        using var thread = new TensorThread();
        using var cancellation = new CancellationTokenSource();
        int turns = 0;
        var endless = Enumerable.Range(0, 100).Select(_ => thread.RepeatAsync("many", () => ++turns > 0, cancellation.Token)).ToList();

        int left = 20;
        await thread.RepeatAsync("few", () => --left > 0, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(1, await thread.RunAsync(() => 1, CancellationToken.None));
        await cancellation.CancelAsync();

        foreach (var task in endless)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(0, left);
    }

    [Fact]
    public async Task A_thread_that_ends_leaves_no_one_waiting()
    {
        var thread = new TensorThread();
        using var gate = new ManualResetEventSlim();
        bool Wait() => gate.Wait(TimeSpan.FromSeconds(30), CancellationToken.None);
        var endless = thread.RepeatAsync("endless", Wait, CancellationToken.None);
        var last = thread.RunAsync(() => 1, CancellationToken.None);

        gate.Set();
        thread.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => endless);
        Assert.Equal(1, await last);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => thread.RunAsync(() => 1, CancellationToken.None));
    }
}
