using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;

namespace LLaDA.Batch.Worker.Tests;

public sealed class LineProgressTests
{
    private const string Stored =
        """{"infill":{"lengths":{"0":3},"windows":[{"tokens":[7,8,9],"confidence":[0.1,0.30000000000000004,1],"num_reused_tokens":0,"""
        + "\"traces\":null}]},\"scores\":{\"2\":{\"num_samples\":5,\"sum\":-0.1}}}";

    [Fact]
    public void A_state_is_stored_under_names_that_stay_and_keeps_every_bit()
    {
        var state = JsonSerializer.Deserialize<LineState>(Stored, WireJson.Options)!;

        Assert.Equal(3, state.Infill.Lengths[0]);
        Assert.Equal([0.1, 0.1 + 0.2, 1], state.Infill.Windows[0].Confidence);
        Assert.Equal(new PartialScore(5, -0.1), state.Scores[2]);
        Assert.Equal(Stored, JsonSerializer.Serialize(state, WireJson.Options));
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
