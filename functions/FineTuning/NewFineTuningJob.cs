using System.Text.Json;
using System.Text.RegularExpressions;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>A client's request for a fine-tuning job, checked as far as possible without its data.</summary>
internal sealed partial record NewFineTuningJob
{
    /// <summary>What a job may name; <c>integrations</c> must be empty.</summary>
    private static readonly string[] s_known =
        ["model", "training_file", "validation_file", "suffix", "seed", "method", "hyperparameters", "metadata", "integrations"];

    public required string Model { get; init; }

    public required FineTuningMethod Method { get; init; }

    public required Hyperparameters Hyperparameters { get; init; }

    public required string? Suffix { get; init; }

    public required int? Seed { get; init; }

    public required string? Metadata { get; init; }

    /// <param name="body">Of the request, or the <c>job</c> of a schedule.</param>
    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static NewFineTuningJob Read(JsonElement body)
    {
        foreach (var property in body.EnumerateObject().Where(property => !s_known.Contains(property.Name)))
            throw ApiException.InvalidRequest($"Unknown parameter: {property.Name}", property.Name, "unknown_parameter");
        if (JobJson.Find(body, "integrations") is { } integrations
            && !(integrations.ValueKind == JsonValueKind.Array && integrations.GetArrayLength() == 0))
            throw ApiException.InvalidRequest("integrations are not offered", "integrations", "unsupported_parameter");
        string? suffix = JsonBody.OptionalText(body, "suffix") is { Length: > 0 } text ? text : null;
        if (suffix is not null && !SuffixPattern().IsMatch(suffix))
            throw ApiException.InvalidRequest("suffix must have 1 to 64 letters, digits, dots, hyphens and underscores", "suffix");

        var (method, parameters, name) = ReadMethod(body);
        var hyperparameters = Hyperparameters.Read(parameters, name, method);
        return new NewFineTuningJob
        {
            Model = JsonBody.Text(body, "model"),
            Method = method,
            Hyperparameters = hyperparameters,
            Suffix = suffix,
            Seed = JobJson.Whole(body, "seed", "seed", 0, int.MaxValue),
            Metadata = Http.Metadata.Read(body),
        };
    }

    /// <summary>A job that has not been planned.</summary>
    /// <param name="seed">Used where the client gave none.</param>
    public FineTuningJobRecord ToRecord(string tenant, string key, int seed) => new()
    {
        PartitionKey = tenant,
        RowKey = key,
        Status = FineTuningStatus.ValidatingFiles,
        Method = Method,
        Model = Model,
        Suffix = Suffix,
        Seed = Seed ?? seed,
        Epochs = Hyperparameters.Epochs,
        BatchSize = Hyperparameters.BatchSize,
        LearningRateMultiplier = Hyperparameters.LearningRateMultiplier,
        LoraRank = Hyperparameters.LoraRank,
        LoraAlpha = Hyperparameters.LoraAlpha,
        MinNoise = Hyperparameters.MinNoise,
        MaxNoise = Hyperparameters.MaxNoise,
        LongExamples = Hyperparameters.LongExamples,
        Metadata = Metadata,
    };

    /// <returns>The method, its hyperparameters, and their name in messages.</returns>
    private static (FineTuningMethod Method, JsonElement Parameters, string Name) ReadMethod(JsonElement body)
    {
        if (JobJson.Find(body, "method") is not { } method)
            return (FineTuningMethod.Supervised, Parameters(body, "hyperparameters"), "hyperparameters");
        if (method.ValueKind != JsonValueKind.Object)
            throw ApiException.InvalidRequest("method must be an object with 'type'", "method");
        if (JobJson.Find(body, "hyperparameters") is not null)
            throw ApiException.InvalidRequest("Give hyperparameters inside of method, not beside it", "hyperparameters");
        string type = JsonBody.OptionalText(method, "type") ?? "";
        var kind = type switch
        {
            "supervised" => FineTuningMethod.Supervised,
            "pretrain" => FineTuningMethod.Pretrain,
            _ => throw ApiException.InvalidRequest(
                $"method.type must be 'supervised' or 'pretrain', not '{Excerpt.Of(type)}'", "method.type", "unsupported_method"),
        };
        JobJson.RefuseOthers(method, "method", "type", type);
        if (JobJson.Find(method, type) is not { } details)
            return (kind, default, $"method.{type}.hyperparameters");
        if (details.ValueKind != JsonValueKind.Object)
            throw ApiException.InvalidRequest($"method.{type} must be an object", $"method.{type}");
        JobJson.RefuseOthers(details, $"method.{type}", "hyperparameters");
        return (kind, Parameters(details, $"method.{type}.hyperparameters"), $"method.{type}.hyperparameters");
    }

    private static JsonElement Parameters(JsonElement parent, string name) =>
        JobJson.Find(parent, "hyperparameters") is not { } parameters ? default
        : parameters.ValueKind == JsonValueKind.Object ? parameters
        : throw ApiException.InvalidRequest($"{name} must be an object", name);

    [GeneratedRegex("^[A-Za-z0-9._-]{1,64}\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SuffixPattern();
}
