using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Tests.Families;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Model;

/// <summary>How far passes are filled up, from trials of products.</summary>
public sealed class RowMultipleTests
{
    private const int Width = 24;

    /// <summary>A product that rounds otherwise for few rows, or for numbers of rows that are no multiple.</summary>
    [Theory]
    [InlineData(1, 1, 4)]
    [InlineData(4, 4, 4)]
    [InlineData(5, 4, 8)]
    [InlineData(8, 1, 8)]
    [InlineData(1, 8, 8)]
    [InlineData(9, 1, 16)]
    [InlineData(1, 16, 16)]
    [InlineData(30, 1, 16)]
    public void Smallest_is_taken_with_which_each_row_is_as_among_many(int fewest, int multipleOf, int expected)
    {
        Tensor Product(Tensor rows) => rows.shape[0] >= fewest && rows.shape[0] % multipleOf == 0 ? rows * 3 : (rows * 3) + 1e-6;

        Assert.Equal(expected, RowMultiple.Smallest(Product, Width, ScalarType.Float32));
    }

    /// <summary>Where a product starts among others may change its bits too.</summary>
    [Fact]
    public void Product_that_depends_on_the_place_of_its_rows_takes_the_largest()
    {
        Tensor Product(Tensor rows) => rows.storage_offset() == 0 ? rows * 3 : (rows * 3) + 1e-6;

        Assert.Equal(RowMultiple.Largest, RowMultiple.Smallest(Product, Width, ScalarType.Float32));
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(64, 4)]
    [InlineData(16, 4)]
    [InlineData(8, 8)]
    [InlineData(40, 8)]
    [InlineData(12, 16)]
    [InlineData(20, 16)]
    [InlineData(6, 16)]
    [InlineData(5, 16)]
    public void Rows_of_a_multiple_fill_whole_vectors_of_a_function(int width, int expected)
    {
        Assert.Equal(expected, RowMultiple.OfFunction(width));
        if (16 * width % 32 != 0)
            return;
        using var scope = NewDisposeScope();
        var rows = randn(64, width, generator: new Generator(1));
        var among = nn.functional.silu(rows);
        for (int count = expected; count < 64; count += expected)
            Assert.True(nn.functional.silu(rows.narrow(0, 0, count)).equal(among.narrow(0, 0, count)).all().item<bool>());
    }

    [Fact]
    public void Model_takes_the_largest_of_its_products_for_each_number_of_threads()
    {
        using var model = TinyModel.Random(FamilyModels.All["SDAR"]);
        int numThreads = get_num_threads();
        try
        {
            foreach (int threads in new[] { 1, 2, 3 })
            {
                set_num_threads(threads);
                int expected = model.Projections.Values.Select(projection => (Tensor)projection.Weight)
                    .Append(model.Parameter("wte.weight"))
                    .Max(weight => RowMultiple.Of(weight, bias: null, ScalarType.Float32));
                expected = Math.Max(expected, RowMultiple.OfFunction(model.Config.FeedForwardWidth));

                Assert.Equal(expected, model.RowMultiple);
                Assert.Contains(model.RowMultiple, new[] { 4, 8, 16 });
            }
        }
        finally
        {
            set_num_threads(numThreads);
        }
    }

    /// <summary>Products with adapters have other shapes, which are not tried.</summary>
    [Fact]
    public void Adapters_take_the_largest()
    {
        using var model = TinyModel.Random(FamilyModels.All["LLaDA-MoE"]);
        using var lora = new LoraWeights(model, new LoraOptions { Rank = 2 });

        Assert.Equal(RowMultiple.Largest, model.RowMultiple);
    }
}
