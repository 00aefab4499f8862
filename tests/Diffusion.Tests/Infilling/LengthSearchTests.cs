using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Infilling;

public sealed class LengthSearchTests
{
    private const int M = TinyModel.Mask;

    [Theory]
    [InlineData(1, new[] { 1 })]
    [InlineData(3, new[] { 1, 2, 3 })]
    [InlineData(10, new[] { 1, 2, 3, 4, 5, 6, 7, 8, 10 })]
    [InlineData(32, new[] { 1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 17, 22, 28, 32 })]
    public void Candidates_are_dense_at_first_and_end_at_the_bound(int bound, int[] expected) =>
        Assert.Equal(expected, LengthSearch.Candidates(bound));

    [Fact]
    public void Canvas_of_a_candidate_keeps_the_text_near_the_gap()
    {
        int[] before = [.. Enumerable.Range(0, 30)], behind = [.. Enumerable.Range(1, 30)];

        var candidate = LengthSearch.CandidateRow(before, 4, behind, M, context: 20, forbidden: null);

        Assert.Equal([.. Enumerable.Range(22, 8), M, M, M, M, M, M, M, M, .. Enumerable.Range(5, 4)], candidate.Canvas);
        Assert.Equal(Enumerable.Range(8, 8), candidate.Targets);
        Assert.Equal([1, 2, 3, 4], Enumerable.Range(12, 4).Select(position => candidate.ForcedTokens![position]));
    }

    [Theory]
    [InlineData(3, 30, 3, 13)]
    [InlineData(30, 3, 13, 3)]
    [InlineData(2, 1, 2, 1)]
    public void Short_side_leaves_its_room_to_the_other(int numBefore, int numBehind, int expectedBefore, int expectedBehind)
    {
        var candidate = LengthSearch.CandidateRow(new int[numBefore], 4, new int[numBehind], M, context: 20, forbidden: null);

        Assert.Equal(expectedBefore + 4 + expectedBehind, candidate.Canvas.Count);
        Assert.Equal(expectedBefore, candidate.Targets![0]);
    }

    [Fact]
    public void Masks_of_the_next_gap_are_not_forced()
    {
        var candidate = LengthSearch.CandidateRow([1, 2], 2, [3, 4, M, 5], M, context: 64, forbidden: null);

        Assert.Equal([2, 3, 4, 5], candidate.Targets);
        Assert.Equal([4, 5], candidate.ForcedTokens!.Keys.Order());
    }

    [Fact]
    public void Forced_tokens_are_committed_with_the_models_probability_of_them()
    {
        using var model = TinyModel.Predicting(0, Math.Log(2), Math.Log(5));
        using var sampler = new Sampler(model);
        var row = new SamplingRow([7, M, M, M], new()) { ForcedTokens = new Dictionary<int, int> { [2] = 0, [3] = 1 } };

        var sampled = sampler.Sample([row])[0];

        Assert.Equal([7, 2, 0, 1], sampled.Tokens);
        foreach (var (expected, actual) in new[] { 1, 5 / 8.0, 1 / 8.0, 2 / 8.0 }.Zip(sampled.Confidence))
            Assert.Equal(expected, actual, 1e-5);
    }

    [Fact]
    public void A_forbidden_token_has_its_probability_where_it_is_forced()
    {
        using var model = TinyModel.Predicting([.. Enumerable.Repeat(-1000.0, TinyModel.Eos), Math.Log(3), 0]);
        using var sampler = new Sampler(model);
        using var forbidden = new TokenSet([TinyModel.Eos, TinyModel.Pad]);

        var sampled = sampler.Sample([LengthSearch.CandidateRow([1], 1, [TinyModel.Eos], M, context: 64, forbidden)])[0];

        Assert.Equal(TinyModel.Eos, sampled.Tokens[2]);
        Assert.NotEqual(TinyModel.Eos, sampled.Tokens[1]);
        Assert.Equal(0.75, sampled.Confidence[2], 1e-5);
    }

    [Fact]
    public void Most_probable_candidate_wins_and_the_shorter_one_among_equals()
    {
        double[][] confidences = [[0.99, 0.1], [0.01, 0.5, 0.5], [1, 0.5, 0.5, 1]];

        int best = LengthSearch.MostProbable(
            [.. confidences.Select(row => new SamplingRow(new int[row.Length], new(), [.. Enumerable.Range(1, row.Length - 1)]))],
            [.. confidences.Select(row => new SampledRow([], row, 0, 0))]);

        Assert.Equal(1, best);
    }
}
