using System.Text.Json;
using System.Text.Json.Serialization;

namespace LLaDA.Batch.Client.Answers;

/// <summary>A request for a text, with the parameters of the sampler. What is null takes the service's default.</summary>
public abstract record SamplingRequest
{
    /// <summary>The name of a model.</summary>
    public required string Model { get; init; }

    /// <summary>Denoising steps, shared out over the blocks; one a token by default.</summary>
    public int? Steps { get; init; }

    /// <summary>Masks of a block; blocks are filled from left to right.</summary>
    public int? BlockLength { get; init; }

    /// <summary>From 0, which takes the most probable token, to 10.</summary>
    public double? Temperature { get; init; }

    /// <summary>Draws from the smallest set of tokens with this probability, above 0 and to 1.</summary>
    public double? TopP { get; init; }

    /// <summary>From -2 to 2: lowers a token's logit for each time that the answer holds it already.</summary>
    public double? FrequencyPenalty { get; init; }

    /// <summary>From -2 to 2: lowers a token's logit once if the answer holds it already.</summary>
    public double? PresencePenalty { get; init; }

    /// <summary>The same request with the same seed has the same answer.</summary>
    public long? Seed { get; init; }

    /// <summary>Commits every prediction that is at least this probable.</summary>
    public double? Threshold { get; init; }

    /// <summary><c>none</c>, <c>prefix</c> or <c>dual</c>: which keys and values are kept between steps.</summary>
    public string? Cache { get; init; }

    /// <summary><c>low_confidence</c>, <c>random</c> or <c>revision</c>: which predictions a step keeps.</summary>
    public string? Remasking { get; init; }

    /// <summary>Whether the answer says how each token came about.</summary>
    public bool? Trace { get; init; }

    /// <summary>Every other parameter of the API, by its name there.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; init; }
}
