using System.Collections;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>The loop runs unobserved: a failure anywhere in it must reach the rows, and later rows must run.</summary>
public sealed class SamplingLoopTests : IDisposable
{
    private const int Mask = 15;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly MaskPredictor _model = new(
        new LLaDAConfig
        {
            ModelWidth = 16,
            NumLayers = 1,
            NumHeads = 2,
            NumKeyValueHeads = 2,
            FeedForwardWidth = 16,
            VocabularySize = 16,
            EmbeddingSize = 16,
            MaxSequenceLength = 16,
            MaskTokenId = Mask,
            EosTokenId = 14,
            PadTokenId = 14,
        },
        TorchSharp.torch.CPU);

    private readonly TensorThread _tensors = new();
    private readonly SamplingEngine _engine;
    private readonly SamplingLoop _loop;

    public SamplingLoopTests()
    {
        _model.Initialize(seed: 1);
        _engine = new SamplingEngine(_model, null, maxTokens: 64);
        _loop = new SamplingLoop(_engine, _tensors);
    }

    public void Dispose()
    {
        _tensors.Dispose();
        _engine.Dispose();
        _model.Dispose();
    }

    [Fact]
    public async Task A_row_that_cannot_even_be_admitted_fails_alone()
    {
        var first = SampleAsync([1, Mask]);
        var bad = SampleAsync(new UnreadableCanvas());
        var last = SampleAsync([2, Mask]);

        Assert.Equal(2, (await first.WaitAsync(s_patience)).Tokens.Length);
        await Assert.ThrowsAsync<InvalidDataException>(() => bad.WaitAsync(s_patience));
        Assert.Equal(2, (await last.WaitAsync(s_patience)).Tokens.Length);
        Assert.Equal(2, (await SampleAsync([3, Mask]).WaitAsync(s_patience)).Tokens.Length);
    }

    [Fact]
    public async Task Rows_fail_where_no_step_can_run_and_later_ones_are_not_left_waiting()
    {
        var ended = new TensorThread();
        ended.Dispose();
        var loop = new SamplingLoop(_engine, ended);

        for (int index = 0; index < 2; index++)
        {
            var sampled = loop.SampleAsync(new SamplingRow([1, Mask], new SamplingOptions()), "tenant", CancellationToken.None);
            await Assert.ThrowsAnyAsync<InvalidOperationException>(() => sampled.WaitAsync(s_patience));
        }
    }

    private Task<SampledRow> SampleAsync(IReadOnlyList<int> canvas) =>
        _loop.SampleAsync(new SamplingRow(canvas, new SamplingOptions()), "tenant", CancellationToken.None);

    /// <summary>Has a length, and no tokens.</summary>
    private sealed class UnreadableCanvas : IReadOnlyList<int>
    {
        public int Count => 2;

        public int this[int index] => throw new InvalidDataException();

        public IEnumerator<int> GetEnumerator() => throw new InvalidDataException();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
