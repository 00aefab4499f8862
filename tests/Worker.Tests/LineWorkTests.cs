using System.Text.Json;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>The work of a line as it is computed beforehand, against the tokens that pass through the network.</summary>
public sealed class LineWorkTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private readonly PlannedShards _planned = new(fixture, model);

    public static TheoryData<string, string> Lines => new()
    {
        { BatchEndpoint.Infill, """{"text":"the [MASK:3] fox [MASK:2]"}""" },
        { BatchEndpoint.Infill, """{"text":"the [MASK:9] fox","steps":4,"block_length":2,"cfg_scale":1}""" },
        { BatchEndpoint.Infill, """{"text":"the [MASK] fox","max_gap_length":1}""" },
        { BatchEndpoint.Infill, """{"text":"the [MASK] fox [MASK:2]","choices":{"0":["lazy","dog"]}}""" },
        { BatchEndpoint.Infill, """{"text":"[MASK] fox","choices":{"0":["the lazy brown","the lazy quick"]},"num_samples":5}""" },
        { BatchEndpoint.Infill, $$"""{"text":"[MASK:3]{{string.Concat(Enumerable.Repeat(" the lazy dog", 40))}}[MASK:2] fox [MASK:1]"}""" },
        { BatchEndpoint.Completions, """{"prompt":"the","max_tokens":7,"logits_eos_inf":true}""" },
        { BatchEndpoint.Completions, """{"prompt":"the","max_tokens":40,"steps":3,"logits_eos_inf":true}""" },
        { BatchEndpoint.Completions, """{"prompt":"the","max_tokens":7,"n":3,"logits_eos_inf":true}""" },
        { BatchEndpoint.Score, """{"prompt":"the quick","completions":[" brown"," lazy dog"],"num_samples":9}""" },
        { BatchEndpoint.Score, """{"prompt":"the quick","completions":[" brown"],"num_samples":9,"cfg_scale":2}""" },
    };

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task The_work_of_a_line_is_what_passes_through_the_network(string endpoint, string body)
    {
        var (work, passed) = await RunAsync(endpoint, body);

        Assert.Equal(passed, work.TokenForwards);
    }

    [Theory]
    [InlineData(BatchEndpoint.Infill, """{"text":"the [MASK] fox and [MASK] the lazy dog [MASK]","max_gap_length":12}""")]
    [InlineData(
        BatchEndpoint.Infill,
        """{"text":"the fox and the dog and the fox and the dog and the [MASK] fox and the lazy dog and the fox"}""")]
    [InlineData(BatchEndpoint.Completions, """{"prompt":"the","suffix":" fox","max_tokens":9}""")]
    [InlineData(BatchEndpoint.Completions, """{"prompt":"the","suffix":" fox","max_tokens":9,"n":2}""")]
    public async Task Where_a_length_is_searched_the_work_is_a_bound_that_the_longest_fill_reaches(string endpoint, string body)
    {
        var (work, passed) = await RunAsync(endpoint, body, likeliestIsLongest: true);

        Assert.Equal(passed, work.TokenForwards);
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public void What_a_plan_knows_for_certain_is_never_more(string endpoint, string body)
    {
        var json = JsonElement.Parse(body);
        long least = LineCost.AtLeast(json, TinyModel.ContextLength).TokenForwards;

        Assert.InRange(least, 1, Create(endpoint, body).Work.TokenForwards);
    }

    [Fact]
    public void A_plan_counts_each_answer_and_the_prompt_once()
    {
        static LineCost Of(string body) => LineCost.Estimate(JsonElement.Parse(body), TinyModel.ContextLength);
        var one = Of("""{"prompt":"the quick brown fox","max_tokens":7}""");
        var three = Of("""{"prompt":"the quick brown fox","max_tokens":7,"n":3}""");

        Assert.Equal((3 * one.Passes, 3 * one.TokenForwards), (three.Passes, three.TokenForwards));
        Assert.Equal((one.GivenTokens, 3 * one.NewTokens, one.CanvasTokens), (three.GivenTokens, three.NewTokens, three.CanvasTokens));
        Assert.Equal(one.CanvasTokens, one.GivenTokens + one.NewTokens);
    }

    [Fact]
    public void Plan_and_library_try_the_same_lengths_in_the_same_sight()
    {
        foreach (int bound in new[] { 1, 2, 7, 8, 9, 10, 64, 500, 4096 })
            Assert.Equal(LengthSearch.Candidates(bound), LineWork.CandidateLengths(bound));
        foreach (int around in new[] { 0, 1, 23, 24, 25, 47, 48, 50, 255, 256, 257, 4096 })
            Assert.Equal(LengthSearch.NumSeen(around), LineWork.SeenInSearch(around));
    }

    [Theory]
    [InlineData(30, 1, 64, 5, 0)]
    [InlineData(30, 3, 64, 5, (24 + 1) + (24 + 2) + (24 + 3) + (3 * 5))]
    [InlineData(10, 3, 64, 0, (10 + 1) + (10 + 2) + (10 + 3))]
    [InlineData(400, 2, 512, 0, (128 + 1) + (128 + 2))]
    [InlineData(50, 2, 26, 4, (25 + 1 + 4) + (26 + 4))]
    public void A_search_passes_each_length_with_what_is_in_sight_and_the_virtual_tokens(
        int around, int bound, int context, int numVirtual, long expected) =>
        Assert.Equal(expected, LineWork.OfSearch(around, bound, context, numVirtual).TokenForwards);

    [Fact]
    public void A_plan_counts_a_pass_for_each_length_that_is_tried()
    {
        static LineCost Of(string body) => LineCost.Estimate(JsonElement.Parse(body), TinyModel.ContextLength);
        string text = string.Concat(Enumerable.Repeat("word", 100));
        var known = Of($$"""{"text":"{{text}}[MASK:4]"}""");
        var open = Of($$"""{"text":"{{text}}[MASK]","max_gap_length":3}""");

        Assert.Equal(known.Passes + 3, open.Passes);
        Assert.Equal((50 + 1) + (50 + 2) + (50 + 3), open.TokenForwards - known.TokenForwards);
    }

    [Fact]
    public async Task A_line_of_too_much_work_is_an_error_that_says_by_how_much_and_the_others_run()
    {
        object small = new { model = TinyModel.Id, text = "the [MASK:2] fox" };
        object large = new { model = TinyModel.Id, text = "the [MASK:40] fox" };
        var (runner, storage, batch) = await _planned.CreateAsync([[small, large]], limit: new WorkLimit(TinyModel.Id, 60, 1000));

        await runner.RunAsync(PlannedShards.Message(batch, 0), CancellationToken.None);

        var part = await PlannedShards.Blobs(storage, batch).Parts.ReadAsync(0, CancellationToken.None);
        var refused = Assert.Single(part, line => line.IsError);
        Assert.Equal((2, 2), (refused.Line, part.Count));
        long work = Create(BatchEndpoint.Infill, """{"text":"the [MASK:40] fox"}""").Work.TokenForwards;
        Assert.Contains("too_much_work", refused.Json, StringComparison.Ordinal);
        Assert.Contains($"{work / 1000.0:G3} times the work", refused.Json, StringComparison.Ordinal);
    }

    public void Dispose() => _planned.Dispose();

    private ILineJob Create(string endpoint, string body) =>
        LineJobs.Create(endpoint, JsonElement.Parse(body[..^1] + ",\"model\":\"tiny\"}"), model.Loaded, seed: 1, DateTimeOffset.UnixEpoch);

    /// <param name="likeliestIsLongest">Whether searches find the longest candidate.</param>
    private async Task<(LineWork Work, long Passed)> RunAsync(string endpoint, string body, bool likeliestIsLongest = false)
    {
        var (_, storage, _) = await _planned.CreateAsync([]);
        using var lease = await _planned.Models.AcquireAsync(new ModelSource(TinyModel.Id), isExclusive: false, CancellationToken.None);
        using var real = lease.Model.Operations("tenant", CancellationToken.None);
        long passed = 0;
        using var counting = new ModelOperations(
            async row =>
            {
                var sampled = await real.SampleAsync(row);
                Interlocked.Add(ref passed, sampled.NumTokenForwards);
                if (!likeliestIsLongest || row.ForcedTokens is null)
                    return sampled;
                double confidence = Math.Exp(-1.0 / (row.Targets!.Count * row.Targets.Count));
                return sampled with { Confidence = [.. sampled.Confidence.Select(_ => confidence)] };
            },
            async (prompt, answer, options, from, onPass) =>
            {
                int halves = options.CfgScale > 0 ? 2 : 1;
                return await real.LogLikelihoodAsync(prompt, answer, options, from, score =>
                {
                    Interlocked.Add(ref passed, (score.NumSamples - from.NumSamples) * halves * (prompt.Count + answer.Count));
                    from = score;
                    onPass(score);
                });
            });
        var job = Create(endpoint, body);
        await job.RunAsync(counting, new LineProgress());
        return (job.Work, passed);
    }
}
