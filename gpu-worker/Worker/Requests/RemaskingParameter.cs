using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>
/// The rule by which a step keeps predictions, under the names of the families' references: Dream calls it <c>alg</c>, and SDAR splits
/// <c>low_confidence</c> in two.
/// </summary>
/// <param name="Remasking">The rule.</param>
/// <param name="DefaultThreshold">The model's threshold where the line names none; null for none.</param>
internal sealed record RemaskingParameter(Remasking Remasking, double? DefaultThreshold)
{
    private const string Dynamic = "low_confidence_dynamic", Static = "low_confidence_static";

    /// <exception cref="LineException">The model's family does not have the rule, or two parameters name one.</exception>
    public static RemaskingParameter Read(RequestBody body, LLaDAConfig config)
    {
        var (parameter, name) = ReadName(body, config);
        var rules = FamilySampling.Rules(config);
        double? threshold = FamilySampling.DefaultThreshold(config);
        Dictionary<string, RemaskingParameter> known = rules.ToDictionary(
            rule => JsonNamingPolicy.SnakeCaseLower.ConvertName(rule.ToString()),
            rule => new RemaskingParameter(rule, rule == Remasking.LowConfidence ? threshold : null));
        if (config.Family.IsBlockCausal)
        {
            known[Dynamic] = new RemaskingParameter(Remasking.LowConfidence, threshold);
            known[Static] = new RemaskingParameter(Remasking.LowConfidence, null);
        }
        if (name is null)
            return known[JsonNamingPolicy.SnakeCaseLower.ConvertName(rules[0].ToString())];
        string names = string.Join(", ", known.Keys);
        return known.GetValueOrDefault(name)
            ?? throw body.Invalid(parameter, $"must be one of {names} for a {config.Family} model, not '{Excerpt.Of(name)}'");
    }

    /// <param name="isReplaced">Whether another parameter decides in its place.</param>
    public double? Threshold(RequestBody body, bool isReplaced) => body.Number("threshold") ?? (isReplaced ? null : DefaultThreshold);

    private static (string Parameter, string? Name) ReadName(RequestBody body, LLaDAConfig config)
    {
        string? name = body.OptionalText("remasking");
        string? alias = config.Family.ShiftsLogits ? body.OptionalText("alg") : null;
        if (name is not null && alias is not null)
        {
            throw new LineException(
                "invalid_parameter_combination", "remasking and alg cannot be used together; use one of them", "remasking");
        }
        return alias is null ? ("remasking", name) : ("alg", alias);
    }
}
