namespace LLaDA.Batch.Benchmarks.Scaling;

/// <summary>loss = factor * FLOPs^exponent, fitted by least squares to the logarithms.</summary>
internal readonly record struct PowerLaw(double Factor, double Exponent)
{
    /// <param name="points">At least two, with different FLOPs.</param>
    public static PowerLaw Fit(IReadOnlyList<(double Flops, double Loss)> points)
    {
        double meanX = points.Average(point => Math.Log(point.Flops)), meanY = points.Average(point => Math.Log(point.Loss));
        double slope = points.Sum(point => (Math.Log(point.Flops) - meanX) * (Math.Log(point.Loss) - meanY)) / points.Sum(point => Math.Pow(Math.Log(point.Flops) - meanX, 2));
        return new PowerLaw(Math.Exp(meanY - (slope * meanX)), slope);
    }

    public double At(double flops) => Factor * Math.Pow(flops, Exponent);
}
