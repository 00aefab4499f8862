using System.Text.Json;
using System.Text.RegularExpressions;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>What a client asks of a training, checked as far as it can be without looking at its data.</summary>
/// <param name="Epochs">Null is "auto", as for the other hyperparameters.</param>
/// <param name="LoraRank">Null trains all weights.</param>
/// <param name="MinNoise">The noise levels to train lie from here to <paramref name="MaxNoise"/>; both null is all of them.</param>
internal sealed partial record NewFineTuningJob(
    string Model, FineTuningMethod Method, string? Suffix, int? Seed, int? Epochs, int? BatchSize, double? LearningRateMultiplier, int? LoraRank, double? LoraAlpha,
    double? MinNoise, double? MaxNoise, string? Metadata)
{
    private const int MaxEpochs = 50, MaxBatchSize = 256, MaxRank = 512, DefaultRank = 16;
    private const double MaxMultiplier = 10_000;

    /// <summary>What a job may name besides; <c>integrations</c> must be empty.</summary>
    private static readonly string[] s_known =
        ["model", "training_file", "validation_file", "suffix", "seed", "method", "hyperparameters", "metadata", "integrations"];

    /// <param name="body">Of the request, or the <c>job</c> of a schedule.</param>
    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static NewFineTuningJob Read(JsonElement body)
    {
        foreach (var property in body.EnumerateObject().Where(property => !s_known.Contains(property.Name)))
            throw ApiException.InvalidRequest($"Unknown parameter: {property.Name}", property.Name, "unknown_parameter");
        if (Value(body, "integrations") is { } integrations && !(integrations.ValueKind == JsonValueKind.Array && integrations.GetArrayLength() == 0))
            throw ApiException.InvalidRequest("integrations are not offered", "integrations", "unsupported_parameter");
        if (JsonBody.OptionalText(body, "suffix") is { Length: > 0 } suffix && !SuffixPattern().IsMatch(suffix))
            throw ApiException.InvalidRequest("suffix must have 1 to 64 letters, digits, dots, hyphens and underscores", "suffix");

        var (method, parameters, name) = ReadMethod(body);
        RefuseOthers(parameters, name, "n_epochs", "batch_size", "learning_rate_multiplier", "lora", "noise");
        var lora = Group(parameters, "lora", name, "rank", "alpha");
        int? rank = lora is { } asked ? Whole(asked, "rank", $"{name}.lora.rank", 1, MaxRank) ?? DefaultRank : null;
        var (minNoise, maxNoise) = Noise(parameters, name);
        return new NewFineTuningJob(
            JsonBody.Text(body, "model"), method, JsonBody.OptionalText(body, "suffix") is { Length: > 0 } text ? text : null,
            Whole(body, "seed", "seed", 0, int.MaxValue),
            Whole(parameters, "n_epochs", $"{name}.n_epochs", 1, MaxEpochs),
            Whole(parameters, "batch_size", $"{name}.batch_size", 1, MaxBatchSize),
            Positive(parameters, "learning_rate_multiplier", $"{name}.learning_rate_multiplier", MaxMultiplier),
            rank,
            rank is null ? null : Positive(lora!.Value, "alpha", $"{name}.lora.alpha", MaxMultiplier) ?? 2.0 * rank,
            minNoise, maxNoise,
            Http.Metadata.Read(body));
    }

    /// <summary>A job that has not been planned.</summary>
    public FineTuningJobRecord ToRecord(string tenant, string key, int seed) => new()
    {
        PartitionKey = tenant,
        RowKey = key,
        Status = FineTuningStatus.ValidatingFiles,
        Method = Method,
        Model = Model,
        Suffix = Suffix,
        Seed = Seed ?? seed,
        Epochs = Epochs,
        BatchSize = BatchSize,
        LearningRateMultiplier = LearningRateMultiplier,
        LoraRank = LoraRank,
        LoraAlpha = LoraAlpha,
        MinNoise = MinNoise,
        MaxNoise = MaxNoise,
        Metadata = Metadata,
    };

    /// <returns>The method, its hyperparameters, and what messages call them.</returns>
    private static (FineTuningMethod Method, JsonElement Parameters, string Name) ReadMethod(JsonElement body)
    {
        if (Value(body, "method") is not { } method)
            return (FineTuningMethod.Supervised, Parameters(body, "hyperparameters"), "hyperparameters");
        if (method.ValueKind != JsonValueKind.Object)
            throw ApiException.InvalidRequest("method must be an object with 'type'", "method");
        if (Value(body, "hyperparameters") is not null)
            throw ApiException.InvalidRequest("Give hyperparameters inside of method, not beside it", "hyperparameters");
        string type = JsonBody.OptionalText(method, "type") ?? "";
        var kind = type switch
        {
            "supervised" => FineTuningMethod.Supervised,
            "pretrain" => FineTuningMethod.Pretrain,
            _ => throw ApiException.InvalidRequest($"method.type must be 'supervised' or 'pretrain', not '{type}'", "method.type", "unsupported_method"),
        };
        RefuseOthers(method, "method", "type", type);
        if (Value(method, type) is not { } details)
            return (kind, default, $"method.{type}.hyperparameters");
        if (details.ValueKind != JsonValueKind.Object)
            throw ApiException.InvalidRequest($"method.{type} must be an object", $"method.{type}");
        RefuseOthers(details, $"method.{type}", "hyperparameters");
        return (kind, Parameters(details, $"method.{type}.hyperparameters"), $"method.{type}.hyperparameters");
    }

    private static JsonElement Parameters(JsonElement parent, string name) =>
        Value(parent, "hyperparameters") is not { } parameters ? default
        : parameters.ValueKind == JsonValueKind.Object ? parameters
        : throw ApiException.InvalidRequest($"{name} must be an object", name);

    /// <returns>An object of the hyperparameters; null where it is not given.</returns>
    private static JsonElement? Group(JsonElement parameters, string property, string name, params string[] known)
    {
        if (Value(parameters, property) is not { } group)
            return null;
        if (group.ValueKind != JsonValueKind.Object)
            throw ApiException.InvalidRequest($"{name}.{property} must be an object", $"{name}.{property}");
        RefuseOthers(group, $"{name}.{property}", known);
        return group;
    }

    private static (double? Min, double? Max) Noise(JsonElement parameters, string name)
    {
        if (Group(parameters, "noise", name, "min", "max") is not { } noise)
            return (null, null);
        double Level(string property, double usual) => Value(noise, property) is not { } value ? usual
            : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double level) && level is >= 0 and <= 1 ? level
            : throw ApiException.InvalidRequest($"{name}.noise.{property} must be a number from 0 to 1", $"{name}.noise.{property}");
        var (min, max) = (Level("min", 0), Level("max", 1));
        return min < max ? (min, max) : throw ApiException.InvalidRequest($"{name}.noise.min must be below {name}.noise.max", $"{name}.noise");
    }

    private static int? Whole(JsonElement parent, string property, string name, int min, int max)
    {
        if (Value(parent, property) is not { } value || IsAuto(value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= min && number <= max
            ? number
            : throw ApiException.InvalidRequest($"{name} must be a whole number from {min} to {max}", name);
    }

    private static double? Positive(JsonElement parent, string property, string name, double max)
    {
        if (Value(parent, property) is not { } value || IsAuto(value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number > 0 && number <= max
            ? number
            : throw ApiException.InvalidRequest($"{name} must be a number above 0 and at most {max}", name);
    }

    private static void RefuseOthers(JsonElement element, string name, params string[] known)
    {
        if (element.ValueKind != JsonValueKind.Object)
            return;
        foreach (var property in element.EnumerateObject().Where(property => !known.Contains(property.Name)))
            throw ApiException.InvalidRequest($"Unknown parameter: {name}.{property.Name}", $"{name}.{property.Name}", "unknown_parameter");
    }

    private static bool IsAuto(JsonElement value) => value.ValueKind == JsonValueKind.String && value.ValueEquals("auto");

    private static JsonElement? Value(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    [GeneratedRegex("^[A-Za-z0-9._-]{1,64}\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SuffixPattern();
}
