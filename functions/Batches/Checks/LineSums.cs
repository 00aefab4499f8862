using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Checks;

/// <summary>Adds up what the lines of an input would take, by the estimates of the plan.</summary>
internal sealed class LineSums : IPlannedLines
{
    public int NumLines { get; private set; }

    public long GivenTokens { get; private set; }

    public long NewTokens { get; private set; }

    public long Passes { get; private set; }

    public double TokenForwards { get; private set; }

    public Task AddAsync(ShardLine line, ModelRecord model, CancellationToken cancellation)
    {
        var cost = LineCost.Estimate(line.Body, model.ContextLength);
        NumLines++;
        GivenTokens += cost.GivenTokens;
        NewTokens += cost.NewTokens;
        Passes += cost.Passes;
        TokenForwards += cost.TokenForwards;
        return Task.CompletedTask;
    }

    public Task AddAsync(SettledLine line, ModelRecord model, CancellationToken cancellation)
    {
        NumLines++;
        return Task.CompletedTask;
    }
}
