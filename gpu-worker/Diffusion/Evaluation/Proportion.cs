namespace LLaDA.Diffusion.Evaluation;

/// <summary>The share of independent trials with an outcome.</summary>
/// <param name="Count">Trials with the outcome, in [0, <paramref name="Trials"/>].</param>
/// <param name="Trials">n, at least 1.</param>
public readonly record struct Proportion(int Count, int Trials)
{
    private const double NormalQuantile = 1.959963984540054;    // of 0.975

    public static Proportion Of(IEnumerable<bool> outcomes)
    {
        bool[] all = [.. outcomes];
        return new Proportion(all.Count(happened => happened), all.Length);
    }

    public double Value => (double)Count / Trials;

    /// <summary>
    /// The 95 % interval of Wilson (1927), valid near 0 and 1 too: (p + z^2/2n ± z sqrt(p(1 - p)/n + z^2/4n^2)) / (1 + z^2/n).
    /// </summary>
    public (double Low, double High) Interval
    {
        get
        {
            double z = NormalQuantile, n = Trials;
            double center = (Value + (z * z / (2 * n))) / (1 + (z * z / n));
            double half = z * Math.Sqrt((Value * (1 - Value) / n) + (z * z / (4 * n * n))) / (1 + (z * z / n));
            return (Math.Max(0, center - half), Math.Min(1, center + half));
        }
    }

    /// <summary>Such as <c>81.0 % [78.4, 83.3]</c>.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"{100 * Value:F1} % [{100 * Interval.Low:F1}, {100 * Interval.High:F1}]");
}
