using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Models;

namespace LLaDA.Batch.Functions.Batches.Checks;

/// <summary>What a batch over an input would meet, on the wire.</summary>
public sealed record BatchCheckObject
{
    /// <summary>Whether the batch would run; its lines may still fail by the parameters of their bodies.</summary>
    public required bool Valid { get; init; }

    public required string Endpoint { get; init; }

    /// <summary>Null where there is a fault.</summary>
    public string? Model { get; init; }

    /// <summary>All faults with their lines, in the form of a batch's errors; null where there is none.</summary>
    public JsonNode? Errors { get; init; }

    /// <summary>Null where there is a fault.</summary>
    public BatchEstimate? Estimate { get; init; }

    public string Object => "batch.check";
}

/// <summary>What a batch would take by the plan's estimates, on the wire.</summary>
public sealed record BatchEstimate
{
    private const double SecondsPerHour = 3_600;

    public required int Lines { get; init; }

    /// <summary>Given tokens, at four bytes a token.</summary>
    public required long InputTokens { get; init; }

    /// <summary>Tokens asked for; a gap of unknown length counts as four.</summary>
    public required long OutputTokens { get; init; }

    /// <summary>Forward passes of all lines; lines share passes, so a worker makes fewer.</summary>
    public required long Passes { get; init; }

    /// <summary>Seconds of one worker.</summary>
    public required double Seconds { get; init; }

    /// <summary>Whether a worker has measured the speed of the model; otherwise it is assumed.</summary>
    public required bool SpeedIsMeasured { get; init; }

    /// <summary>Null where the model's hardware has no price.</summary>
    public BatchCost? Cost { get; init; }

    internal static BatchEstimate Of(LineSums sums, ModelRecord model, PriceOptions prices)
    {
        double seconds = sums.TokenForwards / model.PlannedTokenForwardsPerSecond;
        return new BatchEstimate
        {
            Lines = sums.NumLines,
            InputTokens = sums.GivenTokens,
            OutputTokens = sums.NewTokens,
            Passes = sums.Passes,
            Seconds = Math.Round(seconds, 1),
            SpeedIsMeasured = model.TokenForwardsPerSecond > 0,
            Cost = prices.HourOf(model.Profile) is { } price
                ? new BatchCost { Amount = Math.Round(price * seconds / SecondsPerHour, 6), Currency = prices.Currency }
                : null,
        };
    }
}

/// <summary>A price on the wire.</summary>
public sealed record BatchCost
{
    public required double Amount { get; init; }

    public required string Currency { get; init; }
}
