using System.Text.Json;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Grading;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>Reads what the method reinforcement has beside the common hyperparameters; <c>auto</c> is the published value.</summary>
internal static class ReinforcementHyperparameters
{
    private const int MaxGroupSize = 64, MaxIterations = 16, MaxSamples = 64, MaxAnswerTokens = 4096, MaxSteps = 4096;
    private const double MaxBeta = 100, MaxTemperature = 10;

    /// <returns>Without a grader, which stands beside the hyperparameters.</returns>
    public static ReinforcementSettings Read(JsonReader parameters)
    {
        var published = new ReinforcementSettings();
        return new ReinforcementSettings
        {
            GroupSize = Hyperparameters.Integer(parameters, "group_size", 2, MaxGroupSize) ?? published.GroupSize,
            NumIterations = Hyperparameters.Integer(parameters, "num_iterations", 1, MaxIterations) ?? published.NumIterations,
            NumSamples = Hyperparameters.Integer(parameters, "num_samples", 1, MaxSamples) ?? published.NumSamples,
            ClipRange = ReadClipRange(parameters) ?? published.ClipRange,
            Beta = Hyperparameters.AtLeast0(parameters, "beta", MaxBeta) ?? published.Beta,
            MaxTokens = Hyperparameters.Integer(parameters, "max_tokens", 1, MaxAnswerTokens),
            Steps = Hyperparameters.Integer(parameters, "steps", 1, MaxSteps),
            BlockLength = Hyperparameters.Integer(parameters, "block_length", 1, MaxAnswerTokens),
            Temperature = Hyperparameters.Positive(parameters, "temperature", MaxTemperature) ?? published.Temperature,
        };
    }

    /// <summary>The grader of a method, checked.</summary>
    /// <param name="method">The object of the method; null where the client gave none.</param>
    /// <param name="parent">The object that it stands in.</param>
    public static JsonElement ReadGrader(JsonReader? method, JsonReader parent)
    {
        var grader = (method ?? throw parent.Missing("reinforcement", "is required and must be an object with a grader"))
            .Object("grader") ?? throw method.Missing("grader", "is required and must be an object");
        if (grader.Json.GetRawText().Length > ReinforcementSettings.MaxGrader)
            throw method.Invalid("grader", $"must have at most {ReinforcementSettings.MaxGrader} characters of JSON", "invalid_grader");
        Grader.Read(grader);
        return grader.Json.Clone();
    }

    private static double? ReadClipRange(JsonReader parameters)
    {
        const string name = "clip_range";
        double? range = Hyperparameters.Positive(parameters, name);
        return range < 1 || range is null ? range : throw parameters.Invalid(name, "must be a number between 0 and 1");
    }
}
