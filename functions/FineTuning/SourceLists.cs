using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Schedules;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>A blob in the state in which it was listed.</summary>
internal sealed record ScheduledBlob(string Name, string ETag);

/// <summary>The folder of a schedule has more data than one job takes.</summary>
internal sealed class TooMuchDataException(string message) : Exception(message);

/// <summary>Storage has lost a list.</summary>
internal sealed class ListLostException() : Exception(
    "The list of the blobs that earlier jobs learnt from is lost; delete the schedule and create it again");

/// <summary>
/// Lists of blobs: the sources of a job, and the blobs that the succeeded jobs of a schedule have learnt from. A list is a blob of JSON
/// Lines, <c>tenant/schedule/...</c>, which is written once.
/// </summary>
internal sealed class SourceLists
{
    private const int MaxLineBytes = 1 << 16;

    private readonly BlobContainerClient _lists;
    private readonly ServiceLimits _limits;

    public SourceLists(StorageAccount storage, ServiceLimits limits)
    {
        _lists = storage.Container(StorageNames.SchedulesContainer);
        _limits = limits;
    }

    /// <summary>The blobs of a folder in the order of their names, as they are now.</summary>
    /// <param name="seen">A list of those to leave out; null leaves out none.</param>
    /// <exception cref="TooMuchDataException">They are too many or too large.</exception>
    public async Task<IReadOnlyList<ScheduledBlob>> ListAsync(
        BlobContainerClient container, string prefix, string? seen, CancellationToken cancellation)
    {
        var known = seen is null ? [] : (await ReadAsync(seen, cancellation)).ToHashSet();
        List<ScheduledBlob> blobs = [];
        long bytes = 0;
        await foreach (var item in container.GetBlobsAsync(new GetBlobsOptions { Prefix = prefix }, cancellation))
        {
            var blob = new ScheduledBlob(item.Name, item.Properties.ETag.ToString()!);
            if (item.Properties.ContentLength is not > 0 || item.Properties.AccessTier == AccessTier.Archive || known.Contains(blob))
                continue;   // also the marker of an empty folder; an archived blob cannot be read, and is new once it is restored
            blobs.Add(blob);
            bytes += item.Properties.ContentLength.Value;
            if (blobs.Count > _limits.MaxLines || bytes > _limits.MaxFileBytes)
            {
                throw new TooMuchDataException(
                    $"The folder has more than {_limits.MaxLines} blobs or {_limits.MaxFileBytes} bytes to learn from at once");
            }
        }
        return blobs;
    }

    /// <summary>
    /// Writes the sources of a run. Each deciding host writes a list of its own; the run's outcome names the one that holds.
    /// </summary>
    public Task<string> WriteSourcesAsync(
        ScheduleRecord schedule, string runKey, IEnumerable<ScheduledBlob> blobs, CancellationToken cancellation) =>
        WriteAsync($"{Root(schedule)}sources/{runKey}/{Guid.NewGuid():n}", blobs, cancellation);

    /// <summary>Adds the sources of a succeeded job to the blobs seen before. Idempotent.</summary>
    /// <returns>The new list.</returns>
    public async Task<string> AddSeenAsync(ScheduleRecord schedule, FineTuningJobRecord job, CancellationToken cancellation)
    {
        string name = $"{Root(schedule)}seen/{job.RowKey}";
        if (schedule.Seen == name || job.Sources is null)
            return schedule.Seen ?? name;
        Dictionary<string, ScheduledBlob> seen = new(StringComparer.Ordinal);
        foreach (var blob in schedule.Seen is null ? [] : await ReadAsync(schedule.Seen, cancellation))
            seen[blob.Name] = blob;
        foreach (var blob in await ReadAsync(job.Sources, cancellation))
            seen[blob.Name] = blob;     // an ETag never comes back, so the last one is enough
        return await WriteAsync(name, seen.Values.OrderBy(blob => blob.Name, StringComparer.Ordinal), cancellation);
    }

    /// <exception cref="ListLostException">There is no such list.</exception>
    public async Task<IReadOnlyList<ScheduledBlob>> ReadAsync(string list, CancellationToken cancellation)
    {
        if (!await _lists.GetBlobClient(list).ExistsAsync(cancellation))
            throw new ListLostException();
        List<ScheduledBlob> blobs = [];
        await using var content = await _lists.GetBlobClient(list).OpenReadAsync(new(allowModifications: false), cancellation);
        await foreach (var line in JsonLines.ReadAsync(content, MaxLineBytes, cancellation))
            blobs.Add(JsonSerializer.Deserialize<ScheduledBlob>(line.Bytes, WireJson.Options)!);
        return blobs;
    }

    /// <summary>Deletes a list.</summary>
    public Task DeleteAsync(string list, CancellationToken cancellation) =>
        _lists.DeleteBlobIfExistsAsync(list, cancellationToken: cancellation);

    /// <summary>Deletes the sources of an ended job; the list of seen blobs holds those of a succeeded one.</summary>
    public Task DeleteSourcesAsync(ScheduleRecord schedule, string runKey, CancellationToken cancellation) =>
        DeleteAllAsync($"{Root(schedule)}sources/{runKey}/", kept: null, cancellation);

    /// <summary>Deletes the lists of a deleted schedule.</summary>
    /// <param name="kept">One that a job still needs.</param>
    public Task DeleteAsync(ScheduleRecord schedule, string? kept, CancellationToken cancellation) =>
        DeleteAllAsync(Root(schedule), kept, cancellation);

    private async Task DeleteAllAsync(string prefix, string? kept, CancellationToken cancellation)
    {
        await foreach (var list in _lists.GetBlobsAsync(new GetBlobsOptions { Prefix = prefix }, cancellation))
        {
            if (list.Name != kept)
                await DeleteAsync(list.Name, cancellation);
        }
    }

    private async Task<string> WriteAsync(string name, IEnumerable<ScheduledBlob> blobs, CancellationToken cancellation)
    {
        await using var writer = new FileWriter(_lists.GetBlockBlobClient(name), overwrite: false, cancellation);
        foreach (var blob in blobs)
        {
            await JsonSerializer.SerializeAsync(writer.Content, blob, WireJson.Options, cancellation);
            writer.Content.WriteByte((byte)'\n');
        }
        await writer.CompleteAsync();
        return name;
    }

    private static string Root(ScheduleRecord schedule) => $"{schedule.Tenant}/{schedule.RowKey}/";
}
