using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Model;

public sealed class EagerAttentionTests
{
    [Theory]
    [InlineData(3, 20, false)]
    [InlineData(3, 20, true)]
    [InlineData(9, 400, true)]
    public void Result_and_gradients_are_those_of_the_fused_attention(long rows, long length, bool isPadded)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(7);
        Tensor Drawn() => randn([rows, 2, length, 16], ScalarType.Float32, generator: random);
        Tensor[] inputs = [Drawn(), Drawn(), Drawn()], others = [.. inputs.Select(input => input.clone())];
        foreach (var input in inputs.Concat(others))
            input.requires_grad_(true);
        var gradient = Drawn();
        // Each row has another number of tokens.
        var mask =
            isPadded ? arange(length).unsqueeze(0).lt(arange(rows).unsqueeze(1).add(length - rows + 1)).unsqueeze(1).unsqueeze(1) : null;

        var expected = nn.functional.scaled_dot_product_attention(inputs[0], inputs[1], inputs[2], mask);
        var result = EagerAttention.Attend(others[0], others[1], others[2], mask);
        expected.backward([gradient]);
        result.backward([gradient]);

        TensorAssert.Close(expected, result, 1e-5);
        foreach (var (input, other) in inputs.Zip(others))
            TensorAssert.Close(input.grad!, other.grad!, 1e-5);
    }

    [Fact]
    public void Mask_of_a_twin_is_shared_by_rows_and_gives_what_the_fused_causal_attention_gives()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(8);
        Tensor Drawn() => randn([9, 2, 400, 16], ScalarType.Float32, generator: random);
        var (queries, keys, values) = (Drawn(), Drawn(), Drawn());

        var result = EagerAttention.Attend(queries, keys, values, ones(400, 400, ScalarType.Bool).tril().view(1, 1, 400, 400));

        TensorAssert.Close(nn.functional.scaled_dot_product_attention(queries, keys, values, is_casual: true), result, 1e-5);
    }

    [Fact]
    public void Training_takes_it_in_bfloat16_on_a_cpu_alone()
    {
        Assert.True(EagerAttention.Suits(ScalarType.BFloat16, CPU, 512));
        Assert.False(EagerAttention.Suits(ScalarType.Float32, CPU, 512));
        Assert.False(EagerAttention.Suits(ScalarType.BFloat16, META, 512));
        Assert.False(EagerAttention.Suits(ScalarType.BFloat16, CPU, 4096));
    }
}
