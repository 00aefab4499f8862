using System.Diagnostics;
using System.Globalization;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Sampling;

/// <summary>A block of the network by modules and by its script, in turns.</summary>
/// <param name="Length">Tokens of a row.</param>
/// <param name="Products">Milliseconds of the seven matrix products alone, the fastest round.</param>
/// <param name="Modules">Milliseconds, the fastest round.</param>
/// <param name="Script">Milliseconds, the fastest round.</param>
/// <param name="Ratio">Modules to script in one round, median of the rounds.</param>
/// <param name="Low">Lower quartile of that ratio.</param>
/// <param name="High">Upper quartile of that ratio.</param>
internal sealed record BlockRow(
    int Rows, int Length, double Products, double Modules, double Script, double Ratio, double Low, double High);

internal static class BlockBenchmark
{
    private const int MaxRounds = 600, TokensOfAllRounds = 40_000;

    public static void Run(string folder, FileInfo? json)
    {
        set_num_threads(1);
        using var noGradient = no_grad();
        using var model = Checkpoint.Load(folder);
        List<BlockRow> rows = [];
        foreach (int numRows in new[] { 1, 8 })
        {
            foreach (int length in new[] { 16, 32, 128, 512 })
            {
                rows.Add(Measure(model, numRows, length));
                Console.WriteLine(rows[^1]);
            }
        }
        if (json is not null)
            ResultFile.Write(json.FullName, rows);
    }

    private static BlockRow Measure(MaskPredictor model, int numRows, int length)
    {
        using var scope = NewDisposeScope();
        long[] positions = [.. Enumerable.Range(0, numRows * length).Select(index => (long)(index % length))];
        var packed = new PackedTokens(tensor(positions), tensor(positions), [new Segment(0, numRows, length)]);
        packed = packed with { Table = SegmentTable.Of(packed.Segments) };
        var rotation = model.Rotate(packed);
        var x = model.Embed(packed);
        var wide = zeros(x.shape[0], model.Config.FeedForwardWidth);
        string[] names = ["q_proj", "k_proj", "v_proj", "attn_out", "ff_proj", "up_proj", "ff_out"];
        Tensor[] weights = [.. names.Select(name => (Tensor)model.Projections[$"blocks.0.{name}"].Weight)];

        int rounds = Math.Clamp(TokensOfAllRounds / (numRows * length), 24, MaxRounds);
        var (products, modules, script) = (new double[rounds], new double[rounds], new double[rounds]);
        for (int round = -2; round < rounds; round++)
        {
            double ofModules = Time(() => model.BlockByModules(0, x, rotation, packed));
            double ofScript = Time(() => model.Block(0, x, rotation, packed));
            double ofProducts = Time(() =>
            {
                foreach (var weight in weights)
                    nn.functional.linear(weight.shape[1] == x.shape[1] ? x : wide, weight);
            });
            if (round >= 0)     // The rounds before warm up.
                (products[round], modules[round], script[round]) = (ofProducts, ofModules, ofScript);
        }
        double[] ratios = [.. modules.Zip(script, (one, other) => one / other).Order()];
        return new BlockRow(
            numRows, length, Rounded(products.Min()), Rounded(modules.Min()), Rounded(script.Min()), Rounded(ratios[rounds / 2]),
            Rounded(ratios[rounds / 4]), Rounded(ratios[3 * rounds / 4]));
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
