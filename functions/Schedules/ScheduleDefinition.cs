using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Cronos;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>What a job of a schedule begins with.</summary>
public enum StartFrom
{
    /// <summary>The model that the schedule names.</summary>
    Base,

    /// <summary>The result of its last job that succeeded, or that model when there is none.</summary>
    LastResult,
}

/// <summary>Which of the blobs a job learns from.</summary>
public enum BlobSelection
{
    All,

    /// <summary>Those whose name and ETag no succeeded job of the schedule has seen.</summary>
    New,
}

/// <summary>What becomes of an occurrence while the schedule's job before is at work.</summary>
public enum OverlapPolicy
{
    Skip,

    /// <summary>It waits for its turn.</summary>
    Queue,
}

/// <param name="Container">The name under which the tenant knows it.</param>
/// <param name="Prefix">Empty, or ends with a slash.</param>
public sealed record TrainingDataFolder(string Container, string Prefix, BlobSelection Select);

/// <summary>What the owner of a schedule asks for, checked; on the wire and in its record it looks the same.</summary>
/// <param name="Job">As for a new fine-tuning job, without its training file.</param>
public sealed record ScheduleDefinition(
    string Cron, string TimeZone, JsonElement Job, StartFrom StartFrom, TrainingDataFolder TrainingData, OverlapPolicy Overlap, MissedPolicy Missed, JsonElement? Metadata)
{
    private const int MaxCron = 200, MaxTimeZone = 100;

    /// <summary>A table takes strings of 32 K characters.</summary>
    private const int MaxJson = 30_000;

    /// <summary>What five fields can ask for; the parser knows a name for every second as well.</summary>
    private static readonly TimeSpan s_leastInterval = TimeSpan.FromMinutes(1);

    private static readonly string[] s_known = ["cron", "time_zone", "job", "start_from", "training_data", "overlap", "missed", "metadata"];

    [JsonIgnore]
    internal NewFineTuningJob Training => NewFineTuningJob.Read(Job);

    [JsonIgnore]
    internal Occurrences Occurrences => new(CronExpression.Parse(Cron), TimeZoneInfo.FindSystemTimeZoneById(TimeZone));

    [JsonIgnore]
    internal BlobFolder Folder => new(TrainingData.Container, TrainingData.Prefix, Url: null, SealedUrl: null);

    public string ToJson() => JsonSerializer.Serialize(this, WireJson.Options);

    public static ScheduleDefinition FromJson(string json) => JsonSerializer.Deserialize<ScheduleDefinition>(json, WireJson.Options)!;

    /// <summary>Takes over what a body names; the rest stays as it is.</summary>
    /// <exception cref="ApiException">400 or 404.</exception>
    internal Task<ScheduleDefinition> WithAsync(JsonElement body, string tenant, BlobFolders folders, DateTimeOffset now, CancellationToken cancellation)
    {
        var merged = JsonNode.Parse(ToJson())!.AsObject();
        foreach (var property in body.EnumerateObject())
            merged[property.Name] = JsonNode.Parse(property.Value.GetRawText());
        return ReadAsync(JsonSerializer.SerializeToElement(merged, WireJson.Options), tenant, folders, now, cancellation);
    }

    /// <exception cref="ApiException">400 by the name of the parameter, or 404 for a container that is not bound to the tenant.</exception>
    internal static async Task<ScheduleDefinition> ReadAsync(JsonElement body, string tenant, BlobFolders folders, DateTimeOffset now, CancellationToken cancellation)
    {
        RefuseOthers(body, "", s_known);
        string cron = JsonBody.Text(body, "cron"), zone = JsonBody.OptionalText(body, "time_zone") ?? "UTC";
        CheckTimes(cron, zone, now);
        Http.Metadata.Read(body);
        var definition = new ScheduleDefinition(
            cron, zone, ReadJob(body), Choice<StartFrom>(body, "start_from", "start_from"), await ReadDataAsync(body, tenant, folders, cancellation),
            Choice<OverlapPolicy>(body, "overlap", "overlap"), Choice<MissedPolicy>(body, "missed", "missed"), Given(body, "metadata"));
        return definition.ToJson().Length <= MaxJson ? definition : throw ApiException.InvalidRequest($"The schedule has more than {MaxJson} characters");
    }

    private static void CheckTimes(string text, string zone, DateTimeOffset now)
    {
        if (text.Length > MaxCron || !CronExpression.TryParse(text, out var cron))
            throw ApiException.InvalidRequest("cron must be an expression of five fields: minute, hour, day of month, month, day of week", "cron", "invalid_cron");
        if (zone.Length > MaxTimeZone || zone.Contains("..", StringComparison.Ordinal) || !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found))
            throw ApiException.InvalidRequest("time_zone must be a name of the IANA database, such as Europe/Berlin", "time_zone", "invalid_time_zone");
        var occurrences = new Occurrences(cron, found);
        if (occurrences.Next(now) is not { } first)
            throw ApiException.InvalidRequest($"cron never fires: there is no time that '{text}' names", "cron", "cron_never_fires");
        if (occurrences.Next(first) - first < s_leastInterval)
            throw ApiException.InvalidRequest("cron must not fire more often than once a minute", "cron", "invalid_cron");
    }

    private static JsonElement ReadJob(JsonElement body)
    {
        var job = Given(body, "job") ?? throw ApiException.InvalidRequest("job is required: what a fine-tuning job takes, without its training file", "job", "missing_required_parameter");
        if (job.ValueKind != JsonValueKind.Object)
            throw ApiException.InvalidRequest("job must be an object", "job");
        if (Given(job, "training_file") is not null)
            throw ApiException.InvalidRequest("A schedule's jobs learn from training_data, not from a file", "job.training_file", "unsupported_parameter");
        try
        {
            NewFineTuningJob.Read(job);
            return job;
        }
        catch (ApiException fault)
        {
            throw ApiException.InvalidRequest(fault.Error.Message, fault.Error.Param is { } param ? $"job.{param}" : "job", fault.Error.Code);
        }
    }

    private static async Task<TrainingDataFolder> ReadDataAsync(JsonElement body, string tenant, BlobFolders folders, CancellationToken cancellation)
    {
        const string name = "training_data";
        if (Given(body, name) is { ValueKind: JsonValueKind.Object } data)
        {
            RefuseOthers(data, $"{name}.", ["container", "prefix", "select"]);
            var folder = await folders.ReadAsync(body, name, tenant, DateTimeOffset.MaxValue, cancellation);
            return new TrainingDataFolder(folder.Container!, folder.Prefix, Choice<BlobSelection>(data, "select", $"{name}.select"));
        }
        throw ApiException.InvalidRequest($"{name} must be an object with 'container' and 'prefix'", name, "missing_required_parameter");
    }

    /// <returns>The first of the values when none is named.</returns>
    private static T Choice<T>(JsonElement parent, string property, string name)
        where T : struct, Enum
    {
        if (JsonBody.OptionalText(parent, property) is not { } text)
            return default;
        string[] names = [.. Enum.GetNames<T>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)];
        return Array.IndexOf(names, text) is >= 0 and var index
            ? Enum.GetValues<T>()[index]
            : throw ApiException.InvalidRequest($"{name} must be {string.Join(" or ", names.Select(known => $"'{known}'"))}", name);
    }

    private static JsonElement? Given(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static void RefuseOthers(JsonElement parent, string prefix, string[] known)
    {
        foreach (var property in parent.EnumerateObject().Where(property => !known.Contains(property.Name)))
            throw ApiException.InvalidRequest($"Unknown parameter: {prefix}{property.Name}", prefix + property.Name, "unknown_parameter");
    }
}
