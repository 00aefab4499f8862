using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>Which of the blobs a job learns from.</summary>
public enum BlobSelection
{
    All,

    /// <summary>Blobs whose name and ETag are new to the schedule: no succeeded job has learnt from them.</summary>
    New,
}

/// <summary>The folder that the jobs of a schedule learn from.</summary>
public sealed record TrainingDataFolder
{
    private const string Name = "training_data";

    /// <summary>The name under which the tenant knows the container.</summary>
    public required string Container { get; init; }

    /// <summary>Empty, or ends with a slash.</summary>
    public required string Prefix { get; init; }

    public BlobSelection Select { get; init; }

    internal static async Task<TrainingDataFolder> ReadAsync(
        JsonReader body, string tenant, BlobFolders folders, CancellationToken cancellation)
    {
        if (body.Object(Name) is not { } data)
            throw body.Missing(Name, "must be an object with 'container' and 'prefix'");
        if (data.Find("url") is not null)
            throw data.Invalid("url", "is not offered: a signature ends, and a schedule does not", "unsupported_parameter");
        var select = data.Choice<BlobSelection>("select") ?? default;
        var folder = await folders.ReadAsync(body, Name, tenant, DateTimeOffset.MaxValue, cancellation, besides: "select");
        return new TrainingDataFolder { Container = folder.Container!, Prefix = folder.Prefix, Select = select };
    }
}
