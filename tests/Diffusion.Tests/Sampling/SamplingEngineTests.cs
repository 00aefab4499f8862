using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class SamplingEngineTests : IDisposable
{
    private const int MaxTokens = 200;

    private readonly MaskPredictor _model = TinyModel.Random();
    private readonly Sampler _sampler;
    private readonly SamplingEngine _engine;

    public SamplingEngineTests()
    {
        _sampler = new Sampler(_model);
        _engine = new SamplingEngine(_model, numTokens: null, MaxTokens);
    }

    public void Dispose()
    {
        _engine.Dispose();
        _sampler.Dispose();
        _model.Dispose();
    }

    [Fact]
    public async Task Sixty_four_mixed_rows_that_come_at_any_step_get_what_they_get_alone()
    {
        var random = new Random(1);
        SamplingRow[] rows = [.. Enumerable.Range(0, 64).Select(_ => Mixed(random))];

        List<Task<SampledRow>> tasks = [];
        foreach (var row in rows)
        {
            tasks.Add(_engine.SubmitAsync(row));
            for (int steps = random.Next(4); steps > 0; steps--)
                _engine.Step();
        }
        RunToTheEnd();

        foreach (var (row, task) in rows.Zip(tasks))
        {
            var (alone, sampled) = (_sampler.Sample([row])[0], await task);
            Assert.Equal(alone.Tokens, sampled.Tokens);
            Assert.Equal(alone.Confidence, sampled.Confidence);
            Assert.Equal(alone.NumForwards, sampled.NumForwards);
        }
    }

    [Fact]
    public void Rows_share_a_pass_up_to_the_tokens_that_fit_and_are_admitted_in_order()
    {
        using var recording = new Recording(_model);
        for (int row = 0; row < 10; row++)
            _ = _engine.SubmitAsync(SamplingRows.Generation(50));

        _engine.Step();

        Assert.Equal(4, _engine.NumActive);
        Assert.InRange(recording.Passes.Single().Length, MaxTokens, MaxTokens + 15);
    }

    [Fact]
    public async Task A_row_beside_any_number_of_anothers_takes_no_more_steps_than_alone()
    {
        for (int row = 0; row < 40; row++)
            _ = _engine.SubmitAsync(SamplingRows.Generation(50, new() { Cache = CachePolicy.Dual }), "many", CancellationToken.None);
        _engine.Step();
        var few = _engine.SubmitAsync(SamplingRows.Generation(8), "few", CancellationToken.None);

        for (int step = 0; step < 8; step++)
            _engine.Step();

        Assert.Equal(8, (await few).Tokens.Length);
        Assert.Equal(1, _engine.NumParties);
    }

    [Fact]
    public async Task Rows_that_wait_in_between_for_rows_of_others_get_what_they_get_alone()
    {
        var random = new Random(5);
        using var engine = new SamplingEngine(_model, numTokens: null, maxTokens: 60);
        SamplingRow[] rows = [.. Enumerable.Range(0, 48).Select(_ => Mixed(random))];

        Task<SampledRow>[] tasks = [.. rows.Select((row, index) => engine.SubmitAsync(row, $"{index % 3}", CancellationToken.None))];
        while (engine.HasWork)
            engine.Step();

        foreach (var (row, task) in rows.Zip(tasks))
        {
            var (alone, sampled) = (_sampler.Sample([row])[0], await task);
            Assert.Equal(alone.Tokens, sampled.Tokens);
            Assert.Equal(alone.Confidence, sampled.Confidence);
        }
    }

    [Fact]
    public async Task Row_longer_than_what_fits_runs_alone()
    {
        using var engine = new SamplingEngine(_model, null, maxTokens: 10);
        var first = engine.SubmitAsync(SamplingRows.Generation(4, new() { Steps = 1 }));
        var long_ = engine.SubmitAsync(SamplingRows.Generation(20, new() { Steps = 1 }));

        engine.Step();
        Assert.True(first.IsCompletedSuccessfully);
        Assert.False(long_.IsCompleted);
        engine.Step();

        Assert.Equal(20, (await long_).Tokens.Length);
    }

    [Fact]
    public async Task Cancelled_row_frees_its_place_at_the_next_step()
    {
        using var cancellation = new CancellationTokenSource();
        var large = _engine.SubmitAsync(
            SamplingRows.Generation(60, new() { CfgScale = 1, Cache = CachePolicy.Dual, BlockLength = 8 }), cancellation.Token);
        var other = _engine.SubmitAsync(SamplingRows.Generation(60));
        var waiting = _engine.SubmitAsync(SamplingRows.Generation(60));
        _engine.Step();
        Assert.Equal(2, _engine.NumActive);

        await cancellation.CancelAsync();
        Assert.True(large.IsCanceled);
        _engine.Step();

        Assert.Equal(2, _engine.NumActive);
        RunToTheEnd();
        Assert.True(other.IsCompletedSuccessfully && waiting.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Row_cancelled_while_it_waits_never_runs()
    {
        using var cancellation = new CancellationTokenSource();
        var task = _engine.SubmitAsync(SamplingRows.Generation(8), cancellation.Token);
        await cancellation.CancelAsync();

        _engine.Step();

        Assert.True(task.IsCanceled);
        Assert.False(_engine.HasWork);
    }

    [Fact]
    public async Task Wrong_row_fails_alone()
    {
        var good = _engine.SubmitAsync(SamplingRows.Generation(8));
        var wrong = _engine.SubmitAsync(SamplingRows.Generation(8, new() { Temperature = -1 }));
        var tooLong = _engine.SubmitAsync(SamplingRows.Generation(65));
        var throwing = _engine.SubmitAsync(
            SamplingRows.Generation(8) with { OnStep = _ => throw new InvalidOperationException("its own fault") });

        RunToTheEnd();

        Assert.Equal(8, (await good).Tokens.Length);
        await Assert.ThrowsAsync<ArgumentException>(() => wrong);
        await Assert.ThrowsAsync<ArgumentException>(() => tooLong);
        Assert.Equal("its own fault", (await Assert.ThrowsAsync<InvalidOperationException>(() => throwing)).Message);
    }

    [Fact]
    public async Task Failed_pass_fails_its_rows_and_the_engine_goes_on()
    {
        Task<SampledRow> failing;
        using (new Recording(_model, onForward: _ => throw new InvalidOperationException("out of memory")))
        {
            failing = _engine.SubmitAsync(SamplingRows.Generation(8, new() { Cache = CachePolicy.Dual }));
            _engine.Step();
        }

        await Assert.ThrowsAsync<InvalidOperationException>(() => failing);
        var next = _engine.SubmitAsync(SamplingRows.Generation(8));
        RunToTheEnd();
        Assert.True(next.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Engine_that_failed_frees_the_memory_of_its_rows_at_the_next_step()
    {
        _ = _engine.SubmitAsync(SamplingRows.Generation(8, new() { Cache = CachePolicy.Dual }));
        RunToTheEnd();      // What the engine keeps is made.
        long before = LiveTensors.Count;
        var failing = _engine.SubmitAsync(SamplingRows.Generation(40, new() { Cache = CachePolicy.Dual }));
        _engine.Step();
        Assert.True(LiveTensors.Count > before);

        _engine.Fail(new InvalidOperationException("out of order"));
        _engine.Step();

        Assert.Equal(before, LiveTensors.Count);
        await Assert.ThrowsAsync<InvalidOperationException>(() => failing);
    }

    [Fact]
    public async Task Disposed_engine_fails_what_is_left_and_takes_no_more()
    {
        var engine = new SamplingEngine(_model, null, MaxTokens);
        var active = engine.SubmitAsync(SamplingRows.Generation(60, new() { Cache = CachePolicy.Dual }));
        engine.Step();
        var waiting = engine.SubmitAsync(SamplingRows.Generation(8));

        engine.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => active);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        Assert.Throws<ObjectDisposedException>(() => { _ = engine.SubmitAsync(SamplingRows.Generation(8)); });
    }

    [Fact]
    public void Thousand_rows_leave_no_tensor_alive()
    {
        Run(50, seed: 1);
        long before = LiveTensors.Count;

        Run(1000, seed: 2);

        Assert.Equal(before, LiveTensors.Count);

        void Run(int count, int seed)
        {
            var random = new Random(seed);
            for (int row = 0; row < count; row++)
            {
                _ = _engine.SubmitAsync(Mixed(random) with { });
                _engine.Step();
            }
            RunToTheEnd();
        }
    }

    private void RunToTheEnd()
    {
        while (_engine.HasWork)
            _engine.Step();
    }

    private static SamplingRow Mixed(Random random)
    {
        int numPrompt = random.Next(1, 20), numMasks = random.Next(1, 24);
        var options = new SamplingOptions
        {
            Steps = random.Next(3) == 0 ? random.Next(1, 20) : null,
            BlockLength = random.Next(2) == 0 ? random.Next(1, 12) : null,
            Temperature = random.Next(2) * 0.8,
            CfgScale = random.Next(4) == 0 ? 1 : 0,
            Threshold = random.Next(2) == 0 ? 0.08 : null,
            Cache = (CachePolicy)random.Next(3),
            CacheRefresh = random.Next(2) == 0 ? 3 : null,
            StopsAtEos = random.Next(2) == 0,
            Seed = (ulong)random.Next(),
        };
        if (options.Cache == CachePolicy.None)
            options = options with { CacheRefresh = null };
        return SamplingRows.Generation(
            numMasks, options, [.. Enumerable.Range(0, numPrompt).Select(_ => random.Next(TinyModel.NumTextTokens))]);
    }
}
