using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace LLaDA.Diffusion.Infilling;

/// <summary>Which of its choices fills a gap.</summary>
/// <param name="Index">Of the most probable choice, the first one among equals.</param>
/// <param name="LogLikelihoods">By choice: an estimate of the bound on log p(choice | text around the gap), in nats.</param>
public sealed record ChosenText(int Index, ImmutableArray<double> LogLikelihoods)
{
    /// <summary>By choice, in [0, 1]: its likelihood as a share of those of all choices.</summary>
    [JsonIgnore]
    public IReadOnlyList<double> Probabilities
    {
        get
        {
            double best = LogLikelihoods.Max();
            double[] weights = [.. LogLikelihoods.Select(likelihood => Math.Exp(likelihood - best))];
            return [.. weights.Select(weight => weight / weights.Sum())];
        }
    }

    internal static ChosenText Of(ImmutableArray<double> logLikelihoods) =>
        new(logLikelihoods.IndexOf(logLikelihoods.Max()), logLikelihoods);
}
