using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>What a job of reinforcement has beside the common hyperparameters, as JSON in one column. The defaults are ESPO's.</summary>
public sealed record ReinforcementSettings
{
    /// <summary>The longest JSON of a grader, in characters: a column holds 32,768.</summary>
    public const int MaxGrader = 30_000;

    /// <summary>As the client wrote it; <see cref="ReadGrader"/> reads it.</summary>
    public JsonElement Grader { get; init; }

    /// <summary>Answers to each prompt.</summary>
    public int GroupSize { get; init; } = 10;

    /// <summary>Steps that learn from the same answers.</summary>
    public int NumIterations { get; init; } = 2;

    /// <summary>Noised rows of each answer.</summary>
    public int NumSamples { get; init; } = 2;

    public double ClipRange { get; init; } = 0.2;

    /// <summary>The weight of the divergence from the reference.</summary>
    public double Beta { get; init; } = 0.01;

    /// <summary>Tokens that an answer may have; null is "auto" until the plan has chosen.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Denoising steps of an answer; null for a token a step.</summary>
    public int? Steps { get; init; }

    /// <summary>Null for the usual one of the model's family.</summary>
    public int? BlockLength { get; init; }

    public double Temperature { get; init; } = 1;

    public static ReinforcementSettings Parse(string json) => JsonSerializer.Deserialize<ReinforcementSettings>(json, WireJson.Options)!;

    public string ToJson() => JsonSerializer.Serialize(this, WireJson.Options);

    /// <exception cref="FormatException">It cannot be read; a job's was when the job was created.</exception>
    public Grading.Grader ReadGrader() =>
        Grading.Grader.Read(new JsonReader(Grader, static (message, _, _) => new FormatException(message), "grader"));
}
