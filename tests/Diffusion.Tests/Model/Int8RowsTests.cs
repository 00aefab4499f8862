using CsCheck;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Model;

/// <summary>Matrices in 8 bits.</summary>
public sealed class Int8RowsTests
{
    [Fact]
    public void Every_weight_is_at_most_half_a_step_of_its_row_away()
    {
        Gen.Float[-1000, 1000].Array[12].Sample(values =>
        {
            using var scope = NewDisposeScope();
            var matrix = tensor(values, [3, 4]);
            var dense = Int8Rows.Dense(Int8Rows.Quantize(matrix), ScalarType.Float32);
            var step = matrix.abs().amax([-1], keepdim: true) / 127;

            Assert.True((dense - matrix).abs().le((step * 0.5001f) + 1e-30f).all().item<bool>());
        }, iter: 200, threads: 1);
    }

    [Fact]
    public void Rounded_matrix_is_rounded_to_itself()
    {
        using var scope = NewDisposeScope();
        var rows = Int8Rows.Quantize(rand([5, 24], generator: new Generator(3)) - 0.5);

        TensorAssert.Equal(rows, Int8Rows.Quantize(Int8Rows.Dense(rows, ScalarType.Float32)));
    }

    [Fact]
    public void Rows_have_scales_of_their_own_and_a_row_of_zeros_stays_one()
    {
        using var scope = NewDisposeScope();
        var rows = Int8Rows.Quantize(tensor(new[] { 127f, -1, 0, 0.254f, 0.002f, -0.127f, 0, 0, 0 }, [3, 3]));

        Assert.Equal([3, 7], rows.shape);
        Assert.Equal([3, 3], Int8Rows.Shape(rows));
        TensorAssert.Equal(tensor(new[] { 127, -1, 0, 127, 1, -64, 0, 0, 0 }, [3, 3]), rows.narrow(1, 0, 3));
        TensorAssert.Close(
            tensor(new[] { 127f, -1, 0, 0.254f, 0.002f, -0.128f, 0, 0, 0 }, [3, 3]), Int8Rows.Dense(rows, ScalarType.Float32), 1e-7);
    }

    [Fact]
    public void Rows_and_experts_of_a_stack_are_taken_as_of_any_matrix()
    {
        using var scope = NewDisposeScope();
        var stack = rand([4, 5, 8], generator: new Generator(4)) - 0.5;

        var rows = Int8Rows.Quantize(stack);

        TensorAssert.Equal(Int8Rows.Quantize(stack[2]), rows[2]);
        TensorAssert.Equal(
            Int8Rows.Dense(rows, ScalarType.Float32).select(0, 2).narrow(0, 1, 3),
            Int8Rows.Dense(rows.select(0, 2).narrow(0, 1, 3), ScalarType.Float32));
    }
}
