using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Model;

public sealed class RotaryEmbeddingTests
{
    private const int HeadWidth = 128;

    [Theory]
    [InlineData(0, 1.0)]
    [InlineData(1, 0.8146172)]
    [InlineData(2, 0.6636012)]
    [InlineData(32, 0.00141421)]
    [InlineData(63, 2.4551408e-6)]
    public void Pair_turns_by_its_frequency_at_position_one(int pair, double frequency)
    {
        using var scope = NewDisposeScope();
        using var rotary = new RotaryEmbedding(HeadWidth, 2, 500_000, CPU);
        var x = zeros(1, 1, HeadWidth);
        x[0, 0, pair] = 1;

        float[] rotated = [.. rotary.At(tensor(new[] { 1L })).Apply(x).data<float>()];

        double angle = Math.Atan2(rotated[pair + (HeadWidth / 2)], rotated[pair]);
        Assert.InRange(angle, frequency * (1 - 1e-5), frequency * (1 + 1e-5));
        Assert.Equal(HeadWidth - 2, rotated.Index().Count(entry => entry.Item == 0 && entry.Index % (HeadWidth / 2) != pair));
    }

    [Fact]
    public void Position_zero_is_left_as_it_is()
    {
        using var scope = NewDisposeScope();
        using var rotary = new RotaryEmbedding(HeadWidth, 4, 500_000, CPU);
        var x = Vectors(seed: 1, length: 4);

        var rotated = rotary.At(tensor(new long[] { 0, 1, 2, 3 })).Apply(x);

        TensorAssert.Equal(x[0], rotated[0]);
        Assert.True(TensorAssert.LargestDifference(x[1], rotated[1]) > 0.1);
    }

    [Fact]
    public void Products_of_queries_and_keys_depend_on_their_distance_alone()
    {
        using var scope = NewDisposeScope();
        using var rotary = new RotaryEmbedding(HeadWidth, 64, 500_000, CPU);
        var (queries, keys) = (Vectors(seed: 2, length: 5), Vectors(seed: 3, length: 5));
        var positions = tensor(new long[] { 0, 3, 4, 9, 20 });
        Tensor Products(long offset) =>
            einsum("lhe,mhe->lm", rotary.At(positions + offset).Apply(queries), rotary.At(positions + offset).Apply(keys));

        TensorAssert.Close(Products(0), Products(43), 1e-3);
        Assert.True(TensorAssert.LargestDifference(Products(0), einsum("lhe,mhe->lm", queries, keys)) > 1);
    }

    [Fact]
    public void Half_precision_is_rotated_in_full_precision()
    {
        using var scope = NewDisposeScope();
        using var rotary = new RotaryEmbedding(HeadWidth, 64, 10_000, CPU);
        var x = Vectors(seed: 5, length: 64).to(ScalarType.BFloat16);

        var rotation = rotary.At(arange(64, ScalarType.Int64));
        TensorAssert.Equal(rotation.Apply(x.to(ScalarType.Float32)).to(ScalarType.BFloat16), rotation.Apply(x));
    }

    private static Tensor Vectors(ulong seed, long length)
    {
        using var random = new Generator(seed);
        return randn([length, 1, HeadWidth], generator: random);
    }
}
