namespace LLaDA.Diffusion.Evaluation;

/// <summary>loss = factor * FLOPs^exponent.</summary>
public readonly record struct PowerLaw(double Factor, double Exponent)
{
    /// <summary>By least squares of the logarithms.</summary>
    /// <param name="points">At least two different FLOPs; all values above 0.</param>
    /// <exception cref="ArgumentException">The points do not determine a law.</exception>
    public static PowerLaw Fit(IReadOnlyList<(double Flops, double Loss)> points)
    {
        if (points.Any(point => !(point.Flops > 0 && point.Loss > 0 && double.IsFinite(point.Flops) && double.IsFinite(point.Loss))))
            throw new ArgumentException("FLOPs and losses must be finite and above 0", nameof(points));
        if (points.DistinctBy(point => point.Flops).Count() < 2)
            throw new ArgumentException("A law needs points at two or more different FLOPs", nameof(points));
        double meanX = points.Average(point => Math.Log(point.Flops)), meanY = points.Average(point => Math.Log(point.Loss));
        double covariance = points.Sum(point => (Math.Log(point.Flops) - meanX) * (Math.Log(point.Loss) - meanY));
        double slope = covariance / points.Sum(point => Math.Pow(Math.Log(point.Flops) - meanX, 2));
        return new PowerLaw(Math.Exp(meanY - (slope * meanX)), slope);
    }

    public double At(double flops) => Factor * Math.Pow(flops, Exponent);
}
