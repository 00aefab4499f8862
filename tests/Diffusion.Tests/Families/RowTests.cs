using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Families;

/// <summary>The promise of batching at the network: a row's hidden states depend on the row alone, bit for bit.</summary>
public sealed class RowTests : IDisposable
{
    private static readonly int[] s_lengths = [1, 7, 16, 30, 45, 64, 33];

    private readonly int _numThreads = get_num_threads();

    public RowTests() => set_num_threads(Environment.ProcessorCount);

    public void Dispose() => set_num_threads(_numThreads);

    [Theory]
    [MemberData(nameof(FamilyModels.Names), MemberType = typeof(FamilyModels))]
    public void Row_has_the_same_bits_alone_and_among_others(string family)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        // Wide enough for the products' faster paths.
        var small = FamilyModels.All[family];
        var config = small with
        {
            ModelWidth = 96, FeedForwardWidth = 160, Experts = small.Experts is { } experts ? experts with { Width = 64 } : null,
        };
        using var model = TinyModel.Random(config, seed: 3);
        var random = new Random(5);
        long[][] rows = [.. s_lengths.Select(length =>
            Enumerable.Range(0, length).Select(_ => (long)random.Next(TinyModel.NumTextTokens)).ToArray())];

        var together = Pass(model, rows);
        foreach (var (index, row) in rows.Index())
            Assert.True(Pass(model, [row])[0].equal(together[index]).all().item<bool>(), $"row {index}");
        var reversed = Pass(model, [.. rows.Reverse()]);
        foreach (var (one, other) in together.Zip(reversed.Reverse()))
            Assert.True(one.equal(other).all().item<bool>());
    }

    /// <summary>
    /// libtorch cuts the gates of so many rows into a chunk for each thread, and with more than two threads chunks end within a vector.
    /// </summary>
    [Theory]
    [InlineData("LLaDA", 3)]
    [InlineData("LLaDA", 5)]
    [InlineData("LLaDA2", 3)]
    public void Row_has_the_same_bits_among_so_many_that_threads_share_them(string family, int numThreads)
    {
        const int length = 16, fewest = 26, most = 70;
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        set_num_threads(numThreads);
        var small = FamilyModels.All[family];
        var config = small with
        {
            ModelWidth = 96, FeedForwardWidth = 160,
            Experts = small.Experts is { } experts ? experts with { Width = 64, SharedWidth = 160 } : null,
        };
        using var model = TinyModel.Random(config, seed: 3);
        var random = new Random(5);
        long[][] rows = [.. Enumerable.Range(0, most).Select(_ =>
            Enumerable.Range(0, length).Select(_ => (long)random.Next(TinyModel.NumTextTokens)).ToArray())];
        Tensor[] alone = [.. rows.Select(row => Pass(model, [row])[0])];

        for (int count = fewest; count <= most; count++)
        {
            using var pass = NewDisposeScope();
            foreach (var (index, row) in Pass(model, rows[..count]).Index())
                Assert.True(row.equal(alone[index]).all().item<bool>(), $"row {index} of {count}");
        }
    }

    /// <summary>The hidden states of each row of a pass that is filled up as a step of the sampler is.</summary>
    private static Tensor[] Pass(MaskPredictor model, long[][] rows)
    {
        List<long> tokens = [], positions = [];
        List<Segment> segments = [];
        foreach (long[] row in rows)
        {
            segments.Add(new Segment(tokens.Count, 1, row.Length));
            tokens.AddRange(row);
            positions.AddRange(Enumerable.Range(0, row.Length).Select(position => (long)position));
        }
        while (tokens.Count % model.RowMultiple != 0)
        {
            tokens.Add(TinyModel.Pad);
            positions.Add(0);
        }
        var hidden = model.Hidden(new PackedTokens(tensor([.. tokens]), tensor([.. positions]), segments));
        return [.. segments.Select(segment => hidden.narrow(0, segment.Start, segment.Length))];
    }
}
