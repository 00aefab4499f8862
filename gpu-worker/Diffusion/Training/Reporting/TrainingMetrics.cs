using System.Text.Json.Serialization;

namespace LLaDA.Diffusion.Training.Reporting;

/// <summary>One line of a run's log.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">The loss of the step, in nats per token where masked tokens are predicted.</param>
/// <param name="GradNorm">Before clipping.</param>
/// <param name="NumTokens">Tokens seen since the run began, padding included.</param>
/// <param name="ValidationLoss">The bound on held-out text, in nats per token, where it was estimated after this step.</param>
/// <param name="ModelFlopsUtilization">
/// MFU: the share of the matrix-product throughput that was measured when the run began, in the same type; null where not measured.
/// </param>
public sealed record TrainingMetrics(
    int Step, double Loss, double GradNorm, double LearningRate, double TokensPerSecond, long NumTokens, double? ValidationLoss,
    [property: JsonPropertyName("peakShare")] double? ModelFlopsUtilization = null)
{
    /// <summary>What the method of the run measures besides, under names of the wire (<c>snake_case</c>); null where nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, double>? Measures { get; init; }
}

/// <summary>The progress of a run: a step, or the checkpoint that was saved of it.</summary>
/// <param name="Checkpoint">The folder of the checkpoint, complete; null for a step alone.</param>
public sealed record TrainingProgress(TrainingMetrics Metrics, string? Checkpoint);
