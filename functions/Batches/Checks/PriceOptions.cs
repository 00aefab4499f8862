namespace LLaDA.Batch.Functions.Batches.Checks;

/// <summary>What the hardware costs, for estimates (section <c>Prices</c>).</summary>
public sealed record PriceOptions
{
    public const string Section = "Prices";

    /// <summary>Shown beside amounts; no conversion takes place.</summary>
    public string Currency { get; init; } = "USD";

    /// <summary>The price of an hour of one worker, by profile: <c>Prices__PerHour__default</c>.</summary>
    public IReadOnlyDictionary<string, double>? PerHour { get; init; }

    /// <returns>Null where the profile has no price.</returns>
    public double? HourOf(string profile) => PerHour?.TryGetValue(profile, out double price) == true ? price : null;

    /// <returns>All errors of the section.</returns>
    public IEnumerable<string> Validate()
    {
        if (PerHour?.Values.Any(price => price < 0 || !double.IsFinite(price)) == true)
            yield return $"All of {Section}:{nameof(PerHour)} must be prices of at least 0";
        if (Currency.Length is 0 or > 10)
            yield return $"{Section}:{nameof(Currency)} must have 1 to 10 characters";
    }
}
