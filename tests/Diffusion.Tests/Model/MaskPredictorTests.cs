using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Model;

public sealed class MaskPredictorTests
{
    private static readonly long[] s_canvas = [3, 17, TinyModel.Mask, 5, TinyModel.Mask, 29, 8, 11, TinyModel.Mask];

    [Fact]
    public void First_position_sees_the_last()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = TinyModel.Random();

        var logits = model.call(TinyModel.Canvas(s_canvas))[0, 0];
        var changed = model.call(TinyModel.Canvas([.. s_canvas[..^1], 12]))[0, 0];

        Assert.True(TensorAssert.LargestDifference(logits, changed) > 1e-3);
    }

    [Theory]
    [InlineData(0, 7)]
    [InlineData(7, 0)]
    [InlineData(3, 4)]
    public void Padding_on_either_side_changes_nothing(int left, int right)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = TinyModel.Random();
        var padded = TinyModel.Canvas([.. Enumerable.Repeat(9L, left), .. s_canvas, .. Enumerable.Repeat(21L, right)]);
        var isToken = ones(1, padded.shape[1], ScalarType.Bool);
        isToken.narrow(1, 0, left).fill_(false);
        isToken.narrow(1, left + s_canvas.Length, right).fill_(false);

        var hidden = model.Hidden(padded, isToken).narrow(1, left, s_canvas.Length);

        TensorAssert.Close(model.Hidden(TinyModel.Canvas(s_canvas)), hidden, 1e-4);
    }

    [Fact]
    public void Without_a_padding_mask_the_padding_would_be_read()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = TinyModel.Random();
        var padded = TinyModel.Canvas([.. s_canvas, 21, 21]);

        var difference = TensorAssert.LargestDifference(
            model.Hidden(TinyModel.Canvas(s_canvas)), model.Hidden(padded).narrow(1, 0, s_canvas.Length));

        Assert.True(difference > 1e-2);
    }

    [Fact]
    public void What_stands_in_the_padding_is_not_read_at_all()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = TinyModel.Random();
        var isToken = tensor(new[] { true, true, true, false, false }).unsqueeze(0);

        var one = model.Hidden(TinyModel.Canvas(1, 2, TinyModel.Mask, 0, 0), isToken).narrow(1, 0, 3);
        var other = model.Hidden(TinyModel.Canvas(1, 2, TinyModel.Mask, 30, 7), isToken).narrow(1, 0, 3);

        TensorAssert.Equal(one, other);
    }

    [Fact]
    public void Rows_of_a_batch_do_not_mix()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = TinyModel.Random();
        var (first, second) = (TinyModel.Canvas(s_canvas), TinyModel.Canvas([.. s_canvas.Reverse()]));

        var together = model.call(cat([first, second]));

        TensorAssert.Close(cat([model.call(first), model.call(second)]), together, 1e-5);
    }

    [Fact]
    public void Head_of_chosen_positions_equals_the_choice_from_all_logits()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var model = TinyModel.Random();
        var masked = tensor(new long[] { 2, 4, 8 });

        var all = model.call(TinyModel.Canvas(s_canvas));
        var chosen = model.Logits(model.Hidden(TinyModel.Canvas(s_canvas)).index_select(1, masked));

        Assert.Equal([1, s_canvas.Length, TinyModel.Config.EmbeddingSize], all.shape);
        TensorAssert.Close(all.index_select(1, masked), chosen, 1e-5);
    }

    [Fact]
    public void Bfloat16_products_stay_close_to_float32()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var full = TinyModel.Random();
        using var half = TinyModel.Random(computeType: ScalarType.BFloat16);

        var (expected, logits) = (full.call(TinyModel.Canvas(s_canvas)), half.call(TinyModel.Canvas(s_canvas)));

        Assert.Equal(ScalarType.Float32, logits.dtype);
        Assert.InRange(TensorAssert.LargestDifference(expected, logits), 1e-5, 0.1);
    }

    [Fact]
    public void Grouped_queries_equal_full_heads_with_repeated_keys_and_values()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var grouped = TinyModel.Random();
        using var full = TinyModel.Random(TinyModel.Config with { NumKeyValueHeads = TinyModel.Config.NumHeads });
        foreach (var (name, parameter) in full.named_parameters())
        {
            var value = grouped.Parameter(name);
            bool isGrouped = name.Contains("k_proj", StringComparison.Ordinal) || name.Contains("v_proj", StringComparison.Ordinal);
            parameter.copy_(isGrouped ? value.unflatten(0, [2, 8]).repeat_interleave(2, dim: 0).flatten(0, 1) : value);
        }

        TensorAssert.Close(full.call(TinyModel.Canvas(s_canvas)), grouped.call(TinyModel.Canvas(s_canvas)), 1e-5);
    }

    [Fact]
    public void Tied_head_is_the_embedding()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var tied = TinyModel.Random(TinyModel.Config with { TiesWeights = true });
        using var untied = TinyModel.Random();
        foreach (var (name, parameter) in untied.named_parameters())
            parameter.copy_(tied.Parameter(name == "ff_out.weight" ? "wte.weight" : name));

        TensorAssert.Equal(untied.call(TinyModel.Canvas(s_canvas)), tied.call(TinyModel.Canvas(s_canvas)));
    }

    [Fact]
    public void Canvas_longer_than_the_context_is_refused()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        int longest = TinyModel.Config.MaxSequenceLength;

        Assert.Equal(longest, model.Hidden(zeros(1, longest, ScalarType.Int64)).shape[1]);
        var exception = Assert.Throws<ArgumentException>(() => model.Hidden(zeros(1, longest + 1, ScalarType.Int64)));
        Assert.Contains($"{longest + 1} tokens is longer than the model's {longest}", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Contradictory_config_builds_no_network() =>
        Assert.Throws<ArgumentException>("config", () => new MaskPredictor(TinyModel.Config with { NumHeads = 5 }, CPU));
}
