using LLaDA.Diffusion.Evaluation;

namespace LLaDA.Diffusion.Tests.Evaluation;

public sealed class PowerLawTests
{
    [Theory]
    [InlineData(40, -0.07, 2)]
    [InlineData(1e-3, 0.2, 5)]
    [InlineData(7, 0, 4)]
    public void Exact_law_is_recovered(double factor, double exponent, int count)
    {
        var truth = new PowerLaw(factor, exponent);

        var fitted = PowerLaw.Fit(
            [.. Enumerable.Range(0, count).Select(index => 1e12 * Math.Pow(3, index)).Select(flops => (flops, truth.At(flops)))]);

        Assert.Equal(1, fitted.Factor / factor, 1e-9);
        Assert.Equal(exponent, fitted.Exponent, 1e-12);
    }

    [Fact]
    public void Fit_has_the_least_squares_of_logarithms()
    {
        (double Flops, double Loss)[] points = [(1e12, 6.3), (2e12, 6.1), (5e12, 5.2), (9e12, 5.3)];
        var fitted = PowerLaw.Fit(points);

        double Squares(PowerLaw law) => points.Sum(point => Math.Pow(Math.Log(point.Loss / law.At(point.Flops)), 2));
        Assert.All(
            [
                fitted with { Factor = fitted.Factor * 1.01 },
                fitted with { Factor = fitted.Factor / 1.01 },
                fitted with { Exponent = fitted.Exponent + 1e-3 },
                fitted with { Exponent = fitted.Exponent - 1e-3 },
            ],
            other => Assert.True(Squares(other) > Squares(fitted)));
    }

    [Fact]
    public void What_determines_no_law_is_refused()
    {
        Assert.Throws<ArgumentException>("points", () => PowerLaw.Fit([]));
        Assert.Throws<ArgumentException>("points", () => PowerLaw.Fit([(1e12, 6)]));
        Assert.Throws<ArgumentException>("points", () => PowerLaw.Fit([(1e12, 6), (1e12, 5)]));
        Assert.Throws<ArgumentException>("points", () => PowerLaw.Fit([(1e12, 6), (2e12, 0)]));
        Assert.Throws<ArgumentException>("points", () => PowerLaw.Fit([(1e12, 6), (2e12, double.NaN)]));
    }
}
