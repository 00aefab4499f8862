using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>The parameters of a schedule, checked. The form on the wire and the form in the schedule's row are the same.</summary>
public sealed record ScheduleDefinition
{
    /// <summary>A table takes strings of 32 K UTF-16 units.</summary>
    private const int MaxJson = 30_000;

    /// <summary>Five fields, such as <c>0 2 * * *</c>.</summary>
    public required string Cron { get; init; }

    /// <summary>A name of the IANA database.</summary>
    public required string TimeZone { get; init; }

    /// <summary>The parameters of a new fine-tuning job, without its training file.</summary>
    public required JsonElement Job { get; init; }

    public StartFrom StartFrom { get; init; }

    public required TrainingDataFolder TrainingData { get; init; }

    public OverlapPolicy Overlap { get; init; }

    public MissedPolicy Missed { get; init; }

    public JsonElement? Metadata { get; init; }

    [JsonIgnore]
    internal NewFineTuningJob NewJob => NewFineTuningJob.ReadScheduled(JsonBody.Read(Job, "job"));

    [JsonIgnore]
    internal Occurrences Occurrences => Occurrences.Parse(Cron, TimeZone);

    [JsonIgnore]
    internal BlobFolder Folder => BlobFolder.InContainer(TrainingData.Container, TrainingData.Prefix);

    public string ToJson() => JsonSerializer.Serialize(this, WireJson.Options);

    public static ScheduleDefinition FromJson(string json) => JsonSerializer.Deserialize<ScheduleDefinition>(json, WireJson.Options)!;

    /// <summary>Replaces the parameters that a body names; the others keep their values.</summary>
    /// <exception cref="ApiException">400 or 404.</exception>
    internal Task<ScheduleDefinition> WithAsync(
        JsonReader body, string tenant, BlobFolders folders, DateTimeOffset now, CancellationToken cancellation)
    {
        var merged = JsonNode.Parse(ToJson())!.AsObject();
        foreach (var property in body.Json.EnumerateObject())
            merged[property.Name] = JsonNode.Parse(property.Value.GetRawText());
        var reader = JsonBody.Read(JsonSerializer.SerializeToElement(merged, WireJson.Options));
        return ReadAsync(reader, tenant, folders, now, cancellation, stored: this);
    }

    /// <param name="stored">The definition that is changed: times that it has already are not checked again; null for a new one.</param>
    /// <exception cref="ApiException">400 by the name of the parameter, or 404 for a container that is not bound to the tenant.</exception>
    internal static async Task<ScheduleDefinition> ReadAsync(
        JsonReader body, string tenant, BlobFolders folders, DateTimeOffset now, CancellationToken cancellation,
        ScheduleDefinition? stored = null)
    {
        string cron = body.Text("cron"), zone = body.OptionalText("time_zone") ?? "UTC";
        if (cron != stored?.Cron || zone != stored.TimeZone)
            ScheduleTimes.Check(body, cron, zone, now);
        string? metadata = Http.Metadata.Read(body);
        var definition = new ScheduleDefinition
        {
            Cron = cron,
            TimeZone = zone,
            Job = ReadJob(body),
            StartFrom = body.Choice<StartFrom>("start_from") ?? default,
            TrainingData = await TrainingDataFolder.ReadAsync(body, tenant, folders, cancellation),
            Overlap = body.Choice<OverlapPolicy>("overlap") ?? default,
            Missed = body.Choice<MissedPolicy>("missed") ?? default,
            Metadata = metadata is null ? null : JsonElement.Parse(metadata),
        };
        body.RequireNothingElse();
        return definition.ToJson().Length <= MaxJson
            ? definition
            : throw ApiException.InvalidRequest($"The schedule has more than {MaxJson} characters");
    }

    private static JsonElement ReadJob(JsonReader body)
    {
        var job = body.Object("job")
            ?? throw body.Missing("job", "is required: the parameters of a fine-tuning job, without its training file");
        NewFineTuningJob.ReadScheduled(job);
        return job.Json;
    }
}
