using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using static TorchSharp.torch;

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

    [Theory]
    [InlineData(0, 0)]
    [InlineData(23, 23)]
    [InlineData(30, 24)]
    [InlineData(100, 50)]
    [InlineData(256, 128)]
    [InlineData(100_000, 128)]
    public void A_search_sees_half_of_the_text_within_bounds(int around, int expected) =>
        Assert.Equal(expected, LengthSearch.NumSeen(around));

    [Fact]
    public void Text_out_of_sight_does_not_matter()
    {
        int[] before = [.. Enumerable.Repeat(3, 60)], behind = [.. Enumerable.Repeat(5, 40)];
        int[] farBefore = [.. Enumerable.Repeat(7, 35), .. before[35..]], farBehind = [.. behind[..25], .. Enumerable.Repeat(7, 15)];

        var candidate = LengthSearch.CandidateRow(before, 2, behind, M, context: 512, forbidden: null);
        var other = LengthSearch.CandidateRow(farBefore, 2, farBehind, M, context: 512, forbidden: null);

        Assert.Equal(2 + 50, candidate.Canvas.Count);
        Assert.Equal(candidate.Canvas, other.Canvas);
        Assert.Equal(candidate.ForcedTokens, other.ForcedTokens);
    }

    /// <summary>One whole pass of the network for each length, its softmax added up by hand.</summary>
    [Fact]
    public async Task The_length_found_is_the_one_of_the_largest_score()
    {
        const int bound = 6;
        HashSet<int> found = [];
        for (int seed = 1; seed <= 20; seed++)
        {
            using var model = TinyModel.Random(seed: seed);
            using var sampler = new Sampler(model);
            using var forbidden = new TokenSet([TinyModel.Eos, TinyModel.Pad]);
            using var search = new LengthSearch(rows =>
            {
                var sampled = sampler.Sample(rows);
                Assert.All(sampled, row => Assert.Equal(1, row.NumForwards));
                return Task.FromResult(sampled);
            });
            var random = new Random(seed);
            int[] before = Text(random, 7), behind = [.. Text(random, 5), TinyModel.Eos];

            int length = await search.FindAsync(
                bound, length => LengthSearch.CandidateRow(before, length, behind, M, context: 64, forbidden), CancellationToken.None);

            double[] scores = [.. Enumerable.Range(1, bound).Select(length => Score(model, before, length, behind))];
            Assert.Equal(1 + Array.IndexOf(scores, scores.Max()), length);
            found.Add(length);
        }
        Assert.InRange(found.Count, 2, bound);
    }

    [Fact]
    public void The_text_behind_counts_in_full_and_the_fill_by_its_weight_and_the_shorter_one_wins_among_equals()
    {
        // Counted in full, the fill would decide for the first, and not counted at all for the third.
        double[][] confidences = [[0.9, 0.25], [0.4, 0.4, 0.4, 0.4, 0.45], [0.1, 0.1, 0.1, 0.5]];

        int best = LengthSearch.Best(
            [
                .. confidences.Select(row => new SamplingRow(new int[row.Length], new(), [.. Enumerable.Range(0, row.Length)])
                {
                    ForcedTokens = new Dictionary<int, int> { [row.Length - 1] = 0 },
                }),
            ],
            [.. confidences.Select(row => new SampledRow([], row, 0, 0))]);
        int amongEquals = LengthSearch.Best(
            [.. Enumerable.Repeat(new SamplingRow([0], new(), [0]) { ForcedTokens = new Dictionary<int, int> { [0] = 0 } }, 2)],
            [.. Enumerable.Repeat(new SampledRow([], [0.5], 0, 0), 2)]);

        Assert.Equal((1, 0), (best, amongEquals));
    }

    private static int[] Text(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(TinyModel.NumTextTokens))];

    private static double Score(MaskPredictor model, int[] before, int length, int[] behind)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        int numMasks = length + LengthSearch.NumForcedBehind;
        long[] canvas =
        [
            .. before, .. Enumerable.Repeat(M, numMasks), .. behind[LengthSearch.NumForcedBehind..],
        ];
        var logProbabilities = nn.functional.log_softmax(model.call(TinyModel.Canvas(canvas))[0], -1);
        double score = 0;
        for (int index = 0; index < numMasks; index++)
        {
            var here = logProbabilities[before.Length + index];
            score += index < length
                ? LengthSearch.FillWeight * Enumerable.Range(0, TinyModel.Config.VocabularySize)
                    .Where(token => token is not (TinyModel.Eos or TinyModel.Pad or M)).Max(token => here[token].item<float>())
                : here[behind[index - length]].item<float>();
        }
        return score;
    }
}
