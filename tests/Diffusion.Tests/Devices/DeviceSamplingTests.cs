using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Tests.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Devices;

/// <summary>The sampler on each device, with the network on a CPU as its judge.</summary>
public sealed class DeviceSamplingTests
{
    private const double Tie = 1e-4;

    public static TheoryData<DeviceType> Devices => TestDevice.All;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Every_step_commits_what_the_network_on_a_CPU_is_surest_of_up_to_ties(DeviceType type)
    {
        var device = TestDevice.Of(type);
        using var scope = NewDisposeScope();
        using var judge = TinyModel.Random(seed: 3);
        using var model = TinyModel.Random(seed: 3, device: device);
        using var sampler = new Sampler(model);
        SamplingRow[] rows = [
            SamplingRows.Generation(9, null, 1, 2, 3), SamplingRows.Generation(30),
            SamplingRows.Generation(1, null, 7), SamplingRows.Generation(17, null, 30, 31, 5, 6)];
        var canvases = rows.Select(row => new List<int[]> { row.Canvas.ToArray() }).ToArray();

        sampler.Sample([.. rows.Select((row, index) => row with { OnStep = progress => canvases[index].Add([.. progress.Canvas]) })]);

        foreach (var (row, steps) in rows.Zip(canvases))
        {
            Assert.Equal(row.Masks().Length, steps.Count - 1);
            foreach (var (before, after) in steps.Zip(steps.Skip(1)))
                AssertSurest(judge, before, after);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Rows_of_every_kind_are_filled_and_filled_alike_again(DeviceType type)
    {
        var device = TestDevice.Of(type);
        using var model = TinyModel.Random(seed: 2, device: device);
        using var sampler = new Sampler(model);
        using var forbidden = new TokenSet(Enumerable.Range(0, 20));
        var rows = SamplerBatchTests.Rows(forbidden);

        var first = sampler.Sample(rows);
        var second = sampler.Sample(rows);

        foreach (var (row, (one, other)) in rows.Zip(first.Zip(second)))
        {
            Assert.DoesNotContain(TinyModel.Mask, (row.Targets ?? row.Masks()).Select(position => one.Tokens[position]));
            Assert.All(one.Confidence, confidence => Assert.InRange(confidence, 0, 1));
            Assert.Equal(one.Tokens, other.Tokens);
            Assert.Equal(one.Confidence, other.Confidence);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Bfloat16_stays_near_float32(DeviceType type)
    {
        var device = TestDevice.Of(type);
        using var scope = NewDisposeScope();
        using var full = TinyModel.Random();
        using var half = TinyModel.Random(weightType: ScalarType.BFloat16, computeType: ScalarType.BFloat16, device: device);
        using var sampler = new Sampler(half);
        var tokens = TinyModel.Canvas(1, 2, 3, TinyModel.Mask, 5, TinyModel.Mask);

        Assert.InRange(TensorAssert.LargestDifference(full.call(tokens), half.call(tokens.to(device)).cpu()), 1e-5, 0.2);
        Assert.DoesNotContain(
            TinyModel.Mask, sampler.Sample([SamplingRows.Generation(20, new() { BlockLength = 5, Cache = CachePolicy.Dual }, 1, 2)])[
                0].Tokens);
    }

    /// <summary>
    /// A card's products may round by their shapes, so what is held there is the promise for equal shapes: the same place in a pass among
    /// other neighbours.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Row_gives_the_same_bits_whoever_its_neighbours_of_equal_shape_are(DeviceType type)
    {
        var device = TestDevice.Of(type);
        int numRows = type == DeviceType.CUDA ? 10_000 : 64;
        const int together = 16, shift = 5;
        using var model = TinyModel.Random(seed: 4, device: device);
        using var sampler = new Sampler(model);
        var random = new Random(1);
        SamplingRow[] rows = [.. Enumerable.Range(0, numRows).Select(index => SamplingRows.Generation(
            4, new() { Steps = 2, Temperature = index % 2, Seed = (ulong)index },
                [.. Enumerable.Range(0, 8).Select(_ => random.Next(TinyModel.NumTextTokens))]))];

        // Each place of a pass holds its rows in their order, the second time a few passes later than its neighbours.
        SampledRow[] Sampled(Func<int, int, int> rowAt)
        {
            var sampled = new SampledRow[numRows];
            for (int pass = 0; pass < numRows / together; pass++)
            {
                int[] members = [.. Enumerable.Range(0, together).Select(place => rowAt(pass, place))];
                foreach (var (row, result) in members.Zip(sampler.Sample([.. members.Select(member => rows[member])])))
                    sampled[row] = result;
            }
            return sampled;
        }
        var first = Sampled((pass, place) => (pass * together) + place);
        var second = Sampled((pass, place) => ((pass + (place * shift)) % (numRows / together) * together) + place);

        foreach (var (one, other) in first.Zip(second))
        {
            Assert.Equal(one.Tokens, other.Tokens);
            Assert.Equal(one.Confidence, other.Confidence);
        }
    }

    /// <summary>One token was committed, and no other choice of position and token would have been surer.</summary>
    private static void AssertSurest(MaskPredictor judge, int[] before, int[] after)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        int changed = Enumerable.Range(0, before.Length).Single(position => before[position] != after[position]);
        // [L, V']
        var logProbabilities = nn.functional.log_softmax(
            judge.call(TinyModel.Canvas([.. before.Select(token => (long)token)])).squeeze(0), -1);
        double best = Enumerable.Range(0, before.Length).Where(position => before[position] == TinyModel.Mask)
            .Max(position => logProbabilities[position].narrow(0, 0, TinyModel.Mask).max().item<float>());

        Assert.InRange(logProbabilities[changed, after[changed]].item<float>(), best - Tie, best);
    }
}
