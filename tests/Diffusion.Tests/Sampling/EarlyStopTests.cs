using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

public sealed class EarlyStopTests
{
    [Theory]
    [InlineData(1, 4)]
    [InlineData(2, 8)]
    [InlineData(3, 32)]
    [InlineData(4, 1)]
    public void Nothing_before_the_first_end_changes(ulong seed, int blockLength)
    {
        using var model = TinyModel.Biased((TinyModel.Eos, 1.2f), (TinyModel.Eot, 0.6f));
        using var sampler = new Sampler(model);
        var row = SamplingRows.Generation(32, new() { BlockLength = blockLength, Temperature = 1, Seed = seed }, 1, 2, 3);

        var whole = sampler.Sample([row])[0];
        var stopped = sampler.Sample([row with { Options = row.Options with { StopsAtEos = true } }])[0];

        int end = Array.FindIndex(whole.Tokens, token => token is TinyModel.Eos or TinyModel.Eot);
        Assert.InRange(end, 3, 33);
        Assert.Equal(whole.Tokens[..(end + 1)], stopped.Tokens[..(end + 1)]);
        Assert.Equal(whole.Confidence[..(end + 1)], stopped.Confidence[..(end + 1)]);
        Assert.All(stopped.Tokens[(end + 1)..], token => Assert.Equal(TinyModel.Eos, token));
        Assert.InRange(stopped.NumForwards, 1, whole.NumForwards - (blockLength < 32 ? 1 : 0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void What_may_still_be_taken_back_does_not_stop(ulong seed)
    {
        using var model = TinyModel.Biased((TinyModel.Eos, 1.2f));
        using var sampler = new Sampler(model);
        var row = SamplingRows.Generation(
            32, new() { BlockLength = 16, Temperature = 1, Seed = seed, Remasking = Remasking.Revision, RevisionStrength = 0.5 }, 1, 2, 3);

        var whole = sampler.Sample([row])[0];
        var stopped = sampler.Sample([row with { Options = row.Options with { StopsAtEos = true } }])[0];

        int end = Array.FindIndex(whole.Tokens, token => token is TinyModel.Eos or TinyModel.Eot);
        Assert.InRange(end, 3, 33);
        Assert.Equal(whole.Tokens[..(end + 1)], stopped.Tokens[..(end + 1)]);
    }

    [Fact]
    public void End_behind_a_mask_stops_nothing()
    {
        using var model = TinyModel.Predicting([.. Enumerable.Repeat(-1000.0, TinyModel.Eos), 5]);
        using var sampler = new Sampler(model);
        using var recording = new Recording(model);
        const int m = TinyModel.Mask;

        // All positions predict the end with equal confidence, so the leftmost is committed first and everything ends there.
        var first = sampler.Sample([new SamplingRow([1, m, m, m], new() { StopsAtEos = true })])[0];
        // Only the target counts: a mask that is no target does not hold the end back.
        var second = sampler.Sample([new SamplingRow([m, 1, m, m], new() { StopsAtEos = true }, [2, 3])])[0];

        Assert.Equal((1, 1), (first.NumForwards, second.NumForwards));
        Assert.Equal([1, TinyModel.Eos, TinyModel.Eos, TinyModel.Eos], first.Tokens);
        Assert.Equal([m, 1, TinyModel.Eos, TinyModel.Eos], second.Tokens);
    }
}
