using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class SamplerFaultTests : IDisposable
{
    private readonly MaskPredictor _model = TinyModel.Random();
    private readonly Sampler _sampler;

    public SamplerFaultTests() => _sampler = new Sampler(_model);

    public void Dispose()
    {
        _sampler.Dispose();
        _model.Dispose();
    }

    [Fact]
    public void Wrong_options_name_the_parameter() =>
        AssertRefused("temperature is -1", SamplingRows.Generation(2), SamplingRows.Generation(2, new() { Temperature = -1 }));

    [Fact]
    public void Empty_canvas_is_refused() => AssertRefused("A canvas of 0 tokens", new SamplingRow([], new()));

    [Fact]
    public void Canvas_longer_than_the_context_is_refused() =>
        AssertRefused("A canvas of 65 tokens does not fit; the model takes 1 to 64", SamplingRows.Generation(65));

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(3)]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    public void Targets_that_are_no_masked_positions_in_order_are_refused(params int[] targets) =>
        AssertRefused("targets must be masked positions", new SamplingRow([1, TinyModel.Mask, TinyModel.Mask], new(), targets));

    [Theory]
    [InlineData(-1)]
    [InlineData(44)]
    public void Id_without_an_embedding_is_refused(int token) =>
        AssertRefused(
            $"Position 1 of the canvas holds the id {token}; ids must lie in [0, 44)", new SamplingRow([TinyModel.Mask, token], new()));

    [Theory]
    [InlineData(0, 3)]
    [InlineData(2, 3)]
    [InlineData(1, -1)]
    [InlineData(1, 44)]
    [InlineData(1, TinyModel.Mask)]
    public void A_forced_token_must_be_a_token_of_a_target(int position, int token) =>
        AssertRefused(
            $"Position {position} is forced to be {token}",
            new SamplingRow([5, TinyModel.Mask, TinyModel.Mask], new(), [1])
            {
                ForcedTokens = new Dictionary<int, int> { [position] = token },
            });

    [Fact]
    public void Forbidden_ids_may_lie_beyond_the_vocabulary_and_not_beyond_the_embedding()
    {
        using var beyondVocabulary = new TokenSet([3, 43]);
        using var beyondEmbedding = new TokenSet([3, 44]);

        _sampler.Sample([SamplingRows.Generation(2, new() { Forbidden = beyondVocabulary })]);

        AssertRefused("A forbidden id is not a token", SamplingRows.Generation(2, new() { Forbidden = beyondEmbedding }));
    }

    [Fact]
    public void Cancellation_is_seen_between_steps()
    {
        using var scope = NewDisposeScope();
        using var cancellation = new CancellationTokenSource();
        using var recording = new Recording(_model, onForward: count =>
        {
            if (count == 3)
                cancellation.Cancel();
        });

        Assert.Throws<OperationCanceledException>(() => _sampler.Sample([SamplingRows.Generation(10)], cancellation: cancellation.Token));

        Assert.Equal(3, recording.NumForwards);
    }

    [Fact]
    public void Failed_step_leaves_no_tensor_behind()
    {
        _sampler.Sample([SamplingRows.Generation(10)]);     // from here on tables and sets are in memory
        using var recording = new Recording(_model, onForward: count =>
        {
            if (count == 3)
                throw new InvalidOperationException("out of order");
        });
        long before = LiveTensors.Count;

        Assert.Throws<InvalidOperationException>(() => _sampler.Sample([SamplingRows.Generation(10)]));

        Assert.Equal(before, LiveTensors.Count);
    }

    private void AssertRefused(string fault, params SamplingRow[] rows)
    {
        var exception = Assert.Throws<ArgumentException>(() => _sampler.Sample(rows));
        Assert.Contains(fault, exception.Message, StringComparison.Ordinal);
    }
}
