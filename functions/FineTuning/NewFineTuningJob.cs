using System.Text.Json;
using System.Text.RegularExpressions;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>The parameters of a fine-tuning job, checked as far as possible without its data.</summary>
internal sealed partial record NewFineTuningJob
{
    public required string Model { get; init; }

    public required FineTuningMethod Method { get; init; }

    /// <summary>Null for the job of a schedule, which learns from blobs.</summary>
    public string? TrainingFile { get; init; }

    public string? ValidationFile { get; init; }

    public string? Suffix { get; init; }

    /// <summary>Null leaves the choice to the service.</summary>
    public int? Seed { get; init; }

    public required Hyperparameters Hyperparameters { get; init; }

    /// <summary>A JSON object of strings, or null.</summary>
    public string? Metadata { get; init; }

    /// <summary>Reads the body of a request.</summary>
    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static NewFineTuningJob Read(JsonReader body)
    {
        string file = body.Text("training_file");
        return ReadOf(body, file);
    }

    /// <summary>Reads the <c>job</c> of a schedule.</summary>
    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static NewFineTuningJob ReadScheduled(JsonReader job)
    {
        if (job.Find("training_file") is not null)
            throw job.Invalid("training_file", "is not offered: a schedule's jobs learn from training_data", "unsupported_parameter");
        return ReadOf(job, trainingFile: null);
    }

    /// <summary>A job that has not been planned.</summary>
    /// <param name="seed">For a job that names none.</param>
    public FineTuningJobRecord ToRecord(string tenant, string key, int seed) => new()
    {
        PartitionKey = tenant,
        RowKey = key,
        Status = FineTuningStatus.ValidatingFiles,
        Method = Method,
        Model = Model,
        TrainingFileId = TrainingFile,
        ValidationFileId = ValidationFile,
        Suffix = Suffix,
        Seed = Seed ?? seed,
        Epochs = Hyperparameters.Epochs,
        BatchSize = Hyperparameters.BatchSize,
        LearningRateMultiplier = Hyperparameters.LearningRateMultiplier,
        LoraRank = Hyperparameters.LoraRank,
        LoraAlpha = Hyperparameters.LoraAlpha,
        NumVirtualTokens = Hyperparameters.NumVirtualTokens,
        InitialText = Hyperparameters.InitialText,
        MinNoise = Hyperparameters.MinNoise,
        MaxNoise = Hyperparameters.MaxNoise,
        LongExamples = Hyperparameters.LongExamples,
        Beta = Hyperparameters.Preference?.Beta,
        NumSamples = Hyperparameters.Preference?.NumSamples,
        SftWeight = Hyperparameters.Preference?.SftWeight,
        NormalizesLength = Hyperparameters.Preference?.NormalizesLength ?? false,
        Reinforcement = Hyperparameters.Reinforcement?.ToJson(),
        Metadata = Metadata,
    };

    private static NewFineTuningJob ReadOf(JsonReader body, string? trainingFile)
    {
        if (body.Find("integrations") is { } integrations && !IsEmptyList(integrations))
            throw body.Invalid("integrations", "are not offered", "unsupported_parameter");
        string? suffix = body.OptionalText("suffix") is { Length: > 0 } text ? text : null;
        if (suffix is not null && !SuffixPattern().IsMatch(suffix))
            throw body.Invalid("suffix", "must have 1 to 64 letters, digits, dots, hyphens and underscores");
        var (method, hyperparameters) = ReadMethod(body);
        var job = new NewFineTuningJob
        {
            Model = body.Text("model"),
            Method = method,
            TrainingFile = trainingFile,
            ValidationFile = body.OptionalText("validation_file"),
            Suffix = suffix,
            Seed = Hyperparameters.Integer(body, "seed", 0, int.MaxValue),
            Hyperparameters = hyperparameters,
            Metadata = Http.Metadata.Read(body),
        };
        body.RequireNothingElse();
        return job;
    }

    private static (FineTuningMethod Method, Hyperparameters Hyperparameters) ReadMethod(JsonReader body)
    {
        const string hyperparameters = "hyperparameters";
        var beside = body.Object(hyperparameters);
        if (body.Object("method") is not { } method)
            return (FineTuningMethod.Supervised, Hyperparameters.Read(beside, FineTuningMethod.Supervised));
        if (beside is not null)
            throw ApiException.InvalidRequest("Give hyperparameters inside of method, not beside it", body.PathOf(hyperparameters));
        string type = method.OptionalText("type") ?? "";
        if (!WireNames.TryParse(type, out FineTuningMethod kind))
        {
            string known = string.Join(", ", WireNames.All<FineTuningMethod>().Select(name => $"'{name}'"));
            throw method.Invalid("type", $"must be one of {known}, not '{Excerpt.Of(type)}'", "unsupported_method");
        }
        var details = method.Object(type);
        method.RequireNothingElse();
        var read = Hyperparameters.Read(details?.Object(hyperparameters), kind);
        if (read.Reinforcement is { } settings)
            read = read with { Reinforcement = settings with { Grader = ReinforcementHyperparameters.ReadGrader(details, method) } };
        details?.RequireNothingElse();
        return (kind, read);
    }

    private static bool IsEmptyList(JsonElement value) => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0;

    [GeneratedRegex("^[A-Za-z0-9._-]{1,64}\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SuffixPattern();
}
