using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;

namespace LLaDA.Batch.Worker.Tests;

public sealed class LineProgressTests
{
    /// <summary>As workers wrote it before there were choices and several answers.</summary>
    private const string Older =
        """{"infill":{"lengths":{"0":3},"windows":[{"tokens":[7,8,9],"confidence":[0.1,0.30000000000000004,1],"num_reused_tokens":0,"""
        + "\"traces\":null}]},\"scores\":{\"2\":{\"num_samples\":5,\"sum\":-0.1}}}";

    private const string Stored =
        """{"infill":{"lengths":{"0":3},"windows":[{"tokens":[7,8,9],"confidence":[0.1,0.30000000000000004,1],"num_reused_tokens":0,"""
        + "\"traces\":null,\"log_probabilities\":null}],\"choices\":{\"4\":{\"index\":1,\"log_likelihoods\":[-0.1,-0.30000000000000004]}}},"
        + "\"scores\":{\"2\":{\"num_samples\":5,\"sum\":-0.1}},"
        + "\"generated\":{\"length\":null,\"texts\":{\"1\":{\"text\":\"a\",\"finish_reason\":\"stop\","
        + "\"num_tokens\":2,\"num_reused_tokens\":0,"
        + "\"trace\":null,\"logprobs\":null}}}}";

    [Fact]
    public void A_state_is_stored_under_names_that_stay_and_keeps_every_bit()
    {
        var state = JsonSerializer.Deserialize<LineState>(Stored, WireJson.Options)!;

        Assert.Equal(3, state.Infill.Lengths[0]);
        Assert.Equal([0.1, 0.1 + 0.2, 1], state.Infill.Windows[0].Confidence);
        Assert.Equal(new PartialScore(5, -0.1), state.Scores[2]);
        Assert.Equal([-0.1, -0.1 - 0.2], state.Infill.Choices[4].LogLikelihoods);
        Assert.Equal(new GeneratedText("a", "stop", 2, 0), state.Generated.Texts[1]);
        Assert.Equal(Stored, JsonSerializer.Serialize(state, WireJson.Options));
    }

    [Fact]
    public void A_state_of_earlier_workers_can_be_read()
    {
        var state = JsonSerializer.Deserialize<LineState>(Older, WireJson.Options)!;

        Assert.Equal(3, state.Infill.Lengths[0]);
        Assert.Empty(state.Infill.Choices);
        Assert.Empty(state.Generated.Texts);
    }

    [Fact]
    public void The_share_of_scores_counts_the_samples_of_all_completions()
    {
        var progress = new LineProgress();

        progress.Set(completion: 0, new PartialScore(5, -1), numSamples: 40);
        progress.Set(completion: 1, new PartialScore(10, -1), numSamples: 40);
        progress.Set(completion: 0, new PartialScore(20, -2), numSamples: 40);

        Assert.Equal(0.75, progress.Share);
        Assert.Equal(new PartialScore(20, -2), progress.State.Scores[0]);
    }
}
