using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Tests.Families;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Model;

/// <summary>The script that predicts, against the modules that train.</summary>
public sealed class BlockScriptTests
{
    private const int NumCached = 24, NumPassed = 8;

    public static TheoryData<string, ScalarType, ScalarType> Cases
    {
        get
        {
            var cases = new TheoryData<string, ScalarType, ScalarType>();
            foreach (string name in Shapes.Keys)
            {
                cases.Add(name, ScalarType.Float32, ScalarType.Float32);
                cases.Add(name, ScalarType.Float32, ScalarType.BFloat16);
                cases.Add(name, ScalarType.BFloat16, ScalarType.BFloat16);
            }
            return cases;
        }
    }

    public static TheoryData<string> Golden => [.. GoldenFolder.Names.Concat(GoldenFolder.Families).Select(row => row.Data)];

    private static Dictionary<string, LLaDAConfig> Shapes => new(FamilyModels.All)
    {
        ["clipped"] = TinyModel.Config with { ClipQkv = 0.05, HasOutputBias = true },
        ["twin"] = TinyModel.Config with { IsCausal = true },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Script_has_the_bits_of_the_modules(string shape, ScalarType weightType, ScalarType computeType)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var small = Shapes[shape];
        using var model = TinyModel.Random(
            small with { ModelWidth = 96, FeedForwardWidth = 160, HeadWidth = small.HeadWidth }, 3, weightType, computeType);
        var arena = new KeyValueArena(model.Config, computeType, CPU);
        using var other = arena.Rent(5);
        using var cache = arena.Rent(NumCached);
        using var cacheOfModules = new KeyValueArena(model.Config, computeType, CPU).Rent(NumCached);
        PackedTokens Pack(KeyValueCache cache, bool isFirst) => BlockCausalMask.Complete(PassOf(model, cache, isFirst), model.Config);

        foreach (bool isFirst in new[] { true, false, false })
        {
            var (packed, packedOfModules) = (Pack(cache, isFirst), Pack(cacheOfModules, isFirst));
            var rotation = model.Rotate(packed);
            var x = model.Embed(packed.Tokens);
            for (int layer = 0; layer < model.Config.NumLayers; layer++)
            {
                var expected = model.BlockByModules(layer, x, rotation, packedOfModules);
                x = model.Block(layer, x, rotation, packed);
                AssertSameBits(expected, x);
                Assert.All(cacheOfModules.Of(layer).Zip(cache.Of(layer)), pair => AssertSameBits(pair.First, pair.Second));
            }
        }
    }

    /// <summary>The operation for all rows is a card's; on a CPU the same text takes the rows one by one.</summary>
    [Theory]
    [InlineData("LLaDA")]
    [InlineData("SDAR")]
    [InlineData("LLaDA2")]
    public void Rows_of_all_lengths_taken_together_are_those_of_their_segments(string shape)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(Shapes[shape]);
        var arena = new KeyValueArena(model.Config, ScalarType.Float32, CPU);
        using var other = arena.Rent(5);
        using var cache = arena.Rent(NumCached);
        foreach (bool isFirst in new[] { true, false })
        {
            var packed = PassOf(model, cache, isFirst);
            packed = packed with { Segments = [.. packed.Segments.Select(segment => segment with { Mask = null })] };
            var rotation = model.Rotate(packed);
            var x = model.Embed(packed.Tokens);
            var table = SegmentTable.Of(packed.Segments, packed.Positions, joinsRows: true);
            Assert.Equal(6, table.Bounds.Length);

            var together = model.Block(0, x, rotation, packed with { Table = table });

            AssertSameBits(model.Block(0, x, rotation, packed), together);
        }
    }

    [Theory]
    [InlineData("LLaDA")]
    [InlineData("SDAR")]
    public void Cached_rows_that_pass_together_see_their_own_canvas_wherever_it_lies(string shape)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(Shapes[shape]);
        using var arena = new KeyValueArena(model.Config, ScalarType.Float32, CPU);
        KeyValueCache[] caches = [arena.Rent(7), arena.Rent(9), arena.Rent(4)];
        foreach (var all in Enumerable.Range(0, model.Config.NumLayers).SelectMany(arena.Of))
            all.fill_(0.5);
        Segment[] segments =
        [
            new(0, 1, 4) { Cache = caches[2] }, new(4, 1, 3) { Cache = caches[0] }, new(7, 1, 5) { Cache = caches[1], NumSeen = 8 },
        ];
        long[] positions = [0, 1, 2, 3, 1, 4, 6, 2, 3, 4, 5, 6];
        Tensor Hidden(bool joinsRows, params Segment[] among)
        {
            int start = among[0].Start, end = among[^1].End;
            var places = tensor(positions[start..end]);
            among = [.. among.Select(segment => segment with { Start = segment.Start - start })];
            var packed = new PackedTokens(places, places, among) { Table = SegmentTable.Of(among, places, joinsRows) };
            return model.Block(0, model.Embed(places), model.Rotate(packed), packed);
        }

        var alone = cat([.. segments.Select(segment => Hidden(joinsRows: false, segment))]);

        var together = Hidden(joinsRows: false, segments);
        Assert.InRange(TensorAssert.LargestDifference(alone, together), 0, 1e-5);
        AssertSameBits(together, Hidden(joinsRows: true, segments));
    }

    [Fact]
    public void Masks_are_left_to_their_segments_and_a_CPU_joins_no_rows()
    {
        using var scope = NewDisposeScope();
        var segment = new Segment(0, 1, 4) { Mask = ones(1, 1, 1, 4, dtype: ScalarType.Bool) };

        Assert.Empty(SegmentTable.Of([segment], arange(4, ScalarType.Int64), joinsRows: true).Bounds);
        Assert.False(BlockScript.JoinsRows(TinyModel.Config, CPU, ScalarType.BFloat16));
    }

    [Theory]
    [MemberData(nameof(Golden))]
    public void Script_has_the_bits_of_the_modules_for_every_golden_model(string name)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();
        var packed = model.Pack(golden["forward.input_ids"], null);
        var rotation = model.Rotate(packed);
        var x = model.Embed(packed.Tokens);
        for (int layer = 0; layer < model.Config.NumLayers; layer++)
        {
            var expected = model.BlockByModules(layer, x, rotation, packed);
            x = model.Block(layer, x, rotation, packed);
            AssertSameBits(expected, x);
        }
    }

    [Fact]
    public void Prediction_uses_the_script_and_adapters_and_gradients_do_not()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        var packed = model.Pack(TinyModel.Canvas(1, 2, 3, 4), null);
        var rotation = model.Rotate(packed);
        var x = model.Embed(packed.Tokens).detach();
        long NumMade(Func<Tensor> block)
        {
            block();
            long before = LiveTensors.NumMade;
            block();
            return LiveTensors.NumMade - before;
        }
        Tensor Block() => model.Block(0, x, rotation, packed);
        Tensor WithoutGradient()
        {
            using var noGradient = no_grad();
            return Block();
        }

        Assert.InRange(NumMade(WithoutGradient), 1, 4);
        Assert.True(Block().requires_grad);
        Assert.True(NumMade(Block) > 20);
        using var adapters = new LoraWeights(model, new LoraOptions());
        Assert.True(NumMade(WithoutGradient) > 20);
    }

    [Fact]
    public void Failing_operation_is_reported_as_one_sentence()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        var packed = model.Pack(TinyModel.Canvas(1, 2, 3, 4), null);

        var exception = Assert.Throws<InvalidOperationException>(() => model.Block(0, zeros(4, 7), model.Rotate(packed), packed));

        Assert.StartsWith("libtorch failed in block: ", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
    }

    [Fact]
    public void Number_that_libtorch_would_read_from_freed_memory_is_refused()
    {
        var script = TorchScript.Of("block.torchscript")!;

        var exception = Assert.Throws<ArgumentException>(() => script.Call("block", 0.5));

        Assert.Contains("0.5 would be freed", exception.Message, StringComparison.Ordinal);
    }

    /// <summary>Two rows of equal length, one whose padding is masked, one with a cache, and padding.</summary>
    private static PackedTokens PassOf(MaskPredictor model, KeyValueCache cache, bool isFirst)
    {
        var random = new Random(7);
        const int length = 12;
        int numOfCache = isFirst ? NumCached : NumPassed, numTokens = (3 * length) + numOfCache;
        long[] offsets = isFirst ? [.. Enumerable.Range(0, NumCached)] : [3, 4, 5, 9, 10, 11, 14, 15];
        var mask = ones(1, 1, 1, length, dtype: ScalarType.Bool);
        mask.narrow(3, length - 3, 3).fill_(false);
        long[] positions = [.. Enumerable.Range(0, 3).SelectMany(_ => Enumerable.Range(0, length)), .. offsets, 0, 0, 0];
        return new PackedTokens(
            tensor([.. positions.Select(_ => (long)random.Next(TinyModel.NumTextTokens))]), tensor(positions),
            [
                new Segment(0, 2, length),
                new Segment(2 * length, 1, length) { Mask = mask },
                new Segment(3 * length, 1, numOfCache)
                {
                    Cache = cache, NumSeen = isFirst ? null : NumCached - 4,
                },
            ]);
    }

    private static void AssertSameBits(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.Equal(expected.dtype, actual.dtype);
        Assert.True(expected.equal(actual).all().item<bool>(), $"{TensorAssert.LargestDifference(expected, actual)}");
    }
}
