using System.Diagnostics;
using System.Globalization;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Sampling;

/// <summary>A block of the network by modules and by its script, in turns.</summary>
/// <param name="Pass">The rows of the pass.</param>
/// <param name="Products">Milliseconds of the seven matrix products alone, the fastest round; null for a block with experts.</param>
/// <param name="Modules">Milliseconds, the fastest round.</param>
/// <param name="Script">Milliseconds, the fastest round.</param>
/// <param name="Ratio">Modules to script in one round, median of the rounds.</param>
/// <param name="Low">Lower quartile of that ratio.</param>
/// <param name="High">Upper quartile of that ratio.</param>
internal sealed record BlockRow(string Pass, double? Products, double Modules, double Script, double Ratio, double Low, double High);

internal static class BlockBenchmark
{
    private const int MaxRounds = 600, TokensOfAllRounds = 40_000, BlockLength = 4;

    public static void Run(string folder, FileInfo? json)
    {
        set_num_threads(1);
        using var noGradient = no_grad();
        using var model = Checkpoint.Load(folder);
        using var sparse = FamilyModels.Create(ModelFamilies.LLaDAMoE);
        List<BlockRow> rows = [];
        foreach (int numRows in new[] { 1, 8 })
        {
            foreach (int length in new[] { 16, 32, 128, 512 })
                rows.Add(Rows(model, numRows, length));
        }
        rows.Add(CachedBlocks(model, 128));
        rows.Add(CachedBlocks(model, 512));
        rows.Add(Rows(sparse, 1, 32) with { Pass = "1 x 32, 16 experts" });
        rows.Add(Rows(sparse, 8, 32) with { Pass = "8 x 32, 16 experts" });
        if (json is not null)
            ResultFile.Write(json.FullName, rows);
    }

    private static BlockRow Rows(MaskPredictor model, int numRows, int length)
    {
        using var scope = NewDisposeScope();
        long[] positions = [.. Enumerable.Range(0, numRows * length).Select(index => (long)(index % length))];
        return Measure(model, $"{numRows} x {length}", new PackedTokens(tensor(positions), tensor(positions),
            [.. Enumerable.Range(0, numRows).Select(row => new Segment(row * length, 1, length))]));
    }

    /// <summary>A prompt whose blocks each write their keys and values and see those before them.</summary>
    private static BlockRow CachedBlocks(MaskPredictor model, int length)
    {
        using var scope = NewDisposeScope();
        using var cache = new KeyValueArena(model.Config, model.ComputeType, model.Device).Rent(length);
        var positions = arange(length, ScalarType.Int64);
        return Measure(model, $"1 x {length}, in cached blocks of {BlockLength}", new PackedTokens(positions, positions,
            [.. Enumerable.Range(0, length / BlockLength).Select(block => new Segment(block * BlockLength, 1, BlockLength)
            {
                Cache = cache, NumSeen = (block + 1) * BlockLength,
            })]));
    }

    private static BlockRow Measure(MaskPredictor model, string name, PackedTokens packed)
    {
        packed = packed with { Table = SegmentTable.Of(packed.Segments, packed.Positions) };
        var rotation = model.Rotate(packed);
        var x = model.Embed(packed.Tokens);
        int layer = model.Config.NumLayers - 1, numTokens = (int)x.shape[0];
        string[] names = ["q_proj", "k_proj", "v_proj", "attn_out", "ff_proj", "up_proj", "ff_out"];
        Tensor[] weights = model.Config.HasExperts(layer)
            ? []
            : [.. names.Select(part => (Tensor)model.Projections[$"blocks.{layer}.{part}"].Weight)];
        var wide = zeros(numTokens, model.Config.FeedForwardWidth);

        int rounds = Math.Clamp(TokensOfAllRounds / numTokens, 24, MaxRounds);
        var (products, modules, script) = (new double[rounds], new double[rounds], new double[rounds]);
        for (int round = -2; round < rounds; round++)
        {
            double ofModules = Time(() => model.BlockByModules(layer, x, rotation, packed));
            double ofScript = Time(() => model.Block(layer, x, rotation, packed));
            double ofProducts = Time(() =>
            {
                foreach (var weight in weights)
                    nn.functional.linear(weight.shape[1] == x.shape[1] ? x : wide, weight);
            });
            if (round >= 0)     // The rounds before warm up.
                (products[round], modules[round], script[round]) = (ofProducts, ofModules, ofScript);
        }
        double[] ratios = [.. modules.Zip(script, (one, other) => one / other).Order()];
        var row = new BlockRow(
            name, weights.Length == 0 ? null : Rounded(products.Min()), Rounded(modules.Min()), Rounded(script.Min()),
            Rounded(ratios[rounds / 2]), Rounded(ratios[rounds / 4]), Rounded(ratios[3 * rounds / 4]));
        Console.WriteLine(row);
        return row;
    }

    private static double Time(Action run)
    {
        long started = Stopwatch.GetTimestamp();
        using (NewDisposeScope())
            run();
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static double Rounded(double value) =>
        double.Parse(value.ToString("G4", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
