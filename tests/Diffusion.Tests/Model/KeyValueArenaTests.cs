using LLaDA.Diffusion.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Model;

public sealed class KeyValueArenaTests
{
    [Fact]
    public void Canvases_that_come_and_go_keep_their_numbers_and_share_no_place()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var arena = Arena();
        var random = new Random(3);
        List<(KeyValueCache Cache, float Number)> live = [];
        for (int turn = 1; turn <= 300; turn++)
        {
            if (live.Count > 0 && random.Next(5) < 2)
            {
                int gone = random.Next(live.Count);
                live[gone].Cache.Dispose();
                live.RemoveAt(gone);
            }
            else
            {
                live.Add((arena.Rent(random.Next(1, 40)), turn));
                Fill(live[^1].Cache, turn);
            }

            if (turn % 3 == 0)
            {
                int numNew = random.Next(30), needed = live.Sum(entry => entry.Cache.Length) + numNew;
                arena.Trim(numNew);
                arena.Reserve(numNew);
                Assert.InRange(arena.Capacity, needed, live.Count == 0 ? int.MaxValue : (needed * 4 / 3) + 4);
            }
            foreach (var (cache, number) in live)
                AssertFilled(cache, number);
        }
        Assert.True(live.Count > 20);
    }

    [Fact]
    public void Gap_of_a_canvas_that_went_is_filled_before_the_arena_grows()
    {
        using var arena = Arena();
        using var first = arena.Rent(8);
        using var second = arena.Rent(8);
        using var third = arena.Rent(8);
        int capacity = arena.Capacity;
        second.Dispose();

        using var fourth = arena.Rent(5);
        using var fifth = arena.Rent(3);

        Assert.Equal((8, 13, 16), (fourth.Start, fifth.Start, third.Start));
        Assert.Equal(capacity, arena.Capacity);
    }

    [Fact]
    public void Gaps_that_are_large_enough_together_are_joined()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var arena = Arena();
        KeyValueCache[] caches = [.. Enumerable.Range(0, 10).Select(_ => arena.Rent(4))];
        Fill(caches[1], 1);
        Fill(caches[9], 9);
        int capacity = arena.Capacity;
        foreach (int gone in new[] { 0, 2, 4, 6, 8 })
            caches[gone].Dispose();

        using var cache = arena.Rent(20);

        Assert.Equal(capacity, arena.Capacity);
        AssertFilled(caches[1], 1);
        AssertFilled(caches[9], 9);
        Assert.Equal((0, 16, 20), (caches[1].Start, caches[9].Start, cache.Start));
    }

    [Fact]
    public void Room_that_is_reserved_holds_what_it_was_reserved_for_and_goes_when_it_is_not_needed()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var arena = Arena();
        using var first = arena.Rent(10);
        Fill(first, 1);
        arena.Reserve(90);
        Assert.Equal(100, arena.Capacity);

        KeyValueCache[] caches = [.. Enumerable.Range(0, 9).Select(_ => arena.Rent(10))];
        Assert.Equal((100, 90), (arena.Capacity, caches[^1].Start));
        foreach (var cache in caches)
            cache.Dispose();
        arena.Trim(70);
        Assert.Equal(100, arena.Capacity);
        arena.Trim(60);
        Assert.Equal(70, arena.Capacity);
        AssertFilled(first, 1);
    }

    [Fact]
    public void Canvas_that_is_too_large_for_the_memory_leaves_the_others_as_they_are()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var arena = Arena();
        using var gone = arena.Rent(3);
        using var cache = arena.Rent(8);
        Fill(cache, 1);
        gone.Dispose();

        // A machine that promises more memory than it has takes it.
        _ = Record.Exception(() => arena.Rent(1 << 30));

        AssertFilled(cache, 1);
        using var next = arena.Rent(8);
        Fill(next, 2);
        AssertFilled(cache, 1);
    }

    [Fact]
    public void Empty_arena_holds_no_memory()
    {
        long before = LiveTensors.Count;
        using var arena = Arena();
        var cache = arena.Rent(8);
        Assert.True(LiveTensors.Count > before);

        cache.Dispose();
        cache.Dispose();

        Assert.Equal((before, 0), (LiveTensors.Count, arena.Capacity));
        Assert.Throws<ArgumentOutOfRangeException>(() => arena.Rent(0));
    }

    [Fact]
    public void Canvas_of_an_arena_that_ended_has_no_place_in_the_next_one()
    {
        using var arena = Arena();
        var lost = arena.Rent(8);
        arena.Dispose();
        using var cache = arena.Rent(8);

        Assert.Throws<ObjectDisposedException>(() => lost.Of(0));
        lost.Dispose();

        Assert.Equal(8, arena.Capacity);
    }

    [Fact]
    public void Pass_takes_cached_canvases_of_one_arena_behind_all_others()
    {
        using var scope = NewDisposeScope();
        using var one = Arena().Rent(4);
        using var other = Arena().Rent(4);
        var positions = arange(8, ScalarType.Int64);

        string inTwo = Refusal(new Segment(0, 1, 4) { Cache = one }, new Segment(4, 1, 4) { Cache = other });
        string before = Refusal(new Segment(0, 1, 4) { Cache = one }, new Segment(4, 1, 4));

        Assert.Contains("lie in one arena", inTwo, StringComparison.Ordinal);
        Assert.Contains("stand behind those without one", before, StringComparison.Ordinal);

        string Refusal(params Segment[] segments) =>
            Assert.Throws<ArgumentException>(() => SegmentTable.Of(segments, positions)).Message;
    }

    private static KeyValueArena Arena() => new(TinyModel.Config, ScalarType.Float32, CPU);

    private static void Fill(KeyValueCache cache, float number)
    {
        foreach (var (index, all) in Tensors(cache).Index())
            all.fill_(number + (index / 10f));
    }

    private static void AssertFilled(KeyValueCache cache, float number)
    {
        foreach (var (index, all) in Tensors(cache).Index())
            Assert.True(all.eq(number + (index / 10f)).all().item<bool>());
    }

    private static IEnumerable<Tensor> Tensors(KeyValueCache cache) => Enumerable.Range(0, TinyModel.Config.NumLayers).SelectMany(cache.Of);
}
