using System.Globalization;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The most work of a line, fixed when its batch is planned.</summary>
/// <param name="Model">The model whose speed it was computed from.</param>
/// <param name="Seconds">At that speed.</param>
public sealed record WorkLimit(string Model, int Seconds, long TokenForwards)
{
    public const string Code = "too_much_work";

    public static WorkLimit Of(string model, double tokenForwardsPerSecond, int seconds) =>
        new(model, seconds, (long)Math.Min(long.MaxValue / 2, tokenForwardsPerSecond * seconds));

    public bool Admits(LineWork work) => work.TokenForwards <= TokenForwards;

    /// <summary>Why a line is not run.</summary>
    /// <param name="isAtLeast">Whether the work is only known to be at least this.</param>
    public string Refusal(LineWork work, bool isAtLeast)
    {
        double factor = (double)work.TokenForwards / TokenForwards;
        string than = isAtLeast ? "at least " : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"The line takes {than}{factor:G3} times the work that a line may take: {than}{work.TokenForwards:N0} tokens would pass "
            + $"through '{Model}', and {TokenForwards:N0} may, which is {Seconds:N0} s at its measured speed; ")
            + "ask for fewer samples, completions, steps or gaps without a length, or split the line";
    }
}
