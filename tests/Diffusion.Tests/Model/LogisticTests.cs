using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Model;

/// <summary>silu and sigmoid, whose bits are the same wherever a number stands.</summary>
public sealed class LogisticTests : IDisposable
{
    private readonly int _numThreads = get_num_threads();

    public void Dispose() => set_num_threads(_numThreads);

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Number_has_the_same_bits_wherever_it_stands(ScalarType type)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var numbers = (randn([200_000, 1], generator: new Generator(1)) * 4).to(type);
        set_num_threads(1);
        foreach (var function in new Func<Tensor, Tensor>[] { Logistic.Silu, Logistic.Sigmoid })
        {
            var expected = function(numbers);
            foreach (int threads in new[] { 1, 2, 3, 5 })
            {
                set_num_threads(threads);
                foreach (int count in new[] { 1, 3, 17, 63, 65_535, 65_600, 70_001, 98_311, 140_003, 199_999 })
                {
                    using var trial = NewDisposeScope();
                    int start = 200_000 - count;
                    Assert.True(function(numbers.narrow(0, start, count)).equal(expected.narrow(0, start, count)).all().item<bool>(),
                        $"{count} with {threads} threads");
                }
            }
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Row_of_whole_vectors_has_the_same_bits_among_any_number_of_rows(ScalarType type)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (threads, width) in new[] { (1, 64), (1, 192), (2, 128), (2, 768), (3, 384), (4, 768), (5, 3840) })
        {
            set_num_threads(threads);
            Assert.True(Logistic.IsWhole(width));
            Assert.False(Logistic.IsWhole(width + 64 - (threads == 1 ? 1 : 0)));
            int most = 300_000 / width;
            var rows = (randn([most, width], generator: new Generator(1)) * 4).to(type);
            var expected = Logistic.Silu(rows);
            Assert.True(expected.equal(nn.functional.silu(rows)).all().item<bool>());
            for (int count = 1; count < most; count += 1 + (most / 50))
            {
                using var trial = NewDisposeScope();
                Assert.True(
                    Logistic.Silu(rows.narrow(0, most - count, count)).equal(expected.narrow(0, most - count, count)).all().item<bool>(),
                    $"{count} rows of {width} with {threads} threads");
            }
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, 4e-7)]
    [InlineData(ScalarType.BFloat16, 4e-3)]
    public void Values_are_those_of_the_definition(ScalarType type, double tolerance)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var x = linspace(-30, 30, 6_001).to(type);
        var sigmoid = 1 / (1 + (-x.to(ScalarType.Float64)).exp());
        var silu = x.to(ScalarType.Float64) * sigmoid;

        foreach (var (actual, expected) in new[] { (Logistic.Sigmoid(x), sigmoid), (Logistic.Silu(x), silu) })
        {
            Assert.Equal(type, actual.dtype);
            Assert.True(((actual.to(ScalarType.Float64) - expected) / expected).abs().max().item<double>() <= tolerance);
        }
    }

    [Fact]
    public void Large_numbers_overflow_to_nothing()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var x = tensor(new[] { -1e4f, -100, 0, 100, 1e4f, float.NaN });

        Assert.Equal([0, 0, 0, 100, 1e4f, float.NaN], Logistic.Silu(x).data<float>().ToArray());
        Assert.Equal([0, 0, 0.5f, 1, 1, float.NaN], Logistic.Sigmoid(x).data<float>().ToArray());
    }
}
