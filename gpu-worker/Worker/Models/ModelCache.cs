using System.Diagnostics;
using System.Security.Cryptography;
using LLaDA.Batch.Shared.Models;
using LLaDA.Diffusion;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Models;

/// <summary>
/// Models from Blob storage in a bounded folder on this machine. A model's place is named by the hash of its manifest, so a model that was changed is another one, and
/// one that two records name is fetched once. It appears there when all its files have come and have their hashes, and is checked again whenever it is asked for.
/// </summary>
/// <remarks>The folder survives restarts, even of a process that was killed while it fetched: whole files are kept. It belongs to one process at a time.</remarks>
public sealed partial class ModelCache(ModelFolders folders, WorkerOptions options, TimeProvider time, ILogger<ModelCache> logger) : IDisposable
{
    private const string Unfinished = ".partial";

    /// <summary>Fetching takes all of the line, so models come one after another; whoever waits for the same one finds it there.</summary>
    private readonly SemaphoreSlim _gate = new(1);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _users = [];
    private FileStream? _ownership;

    /// <summary>The model's files, fetched if need be. They stay until the lease is disposed of.</summary>
    /// <param name="folder">Its prefix in Blob storage.</param>
    /// <exception cref="CheckpointException">It is not whole in storage, or larger than the cache.</exception>
    public async Task<CachedModel> AcquireAsync(string folder, CancellationToken cancellation)
    {
        var json = await folders.FindManifestAsync(folder, cancellation) ?? throw new CheckpointException(folder, "is not there or not whole: it has no manifest");
        ModelManifest manifest;
        try
        {
            manifest = ModelManifest.Parse(json, ModelManifest.FileName);
        }
        catch (InvalidDataException exception)
        {
            throw new CheckpointException(folder, $"cannot be used: {exception.Message}");
        }
        string path = Path.Combine(Path.GetFullPath(options.CachePath), Convert.ToHexStringLower(SHA256.HashData(json)));

        var model = new CachedModel(this, path);
        try
        {
            Own();
            if (!await IsWholeAsync(path, manifest, cancellation))
                await FetchAsync(folder, path, manifest, cancellation);
            Directory.SetLastWriteTimeUtc(path, time.GetUtcNow().UtcDateTime);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _ownership?.Dispose();
        _gate.Dispose();
    }

    internal void Use(string path)
    {
        lock (_lock)
            _users[path] = _users.GetValueOrDefault(path) + 1;
    }

    internal void Release(string path)
    {
        lock (_lock)
        {
            if (--_users[path] == 0)
                _users.Remove(path);
        }
    }

    /// <exception cref="IOException">Another process has the folder.</exception>
    private void Own()
    {
        lock (_lock)
        {
            Directory.CreateDirectory(options.CachePath);
            _ownership ??= new FileStream(Path.Combine(options.CachePath, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
    }

    private static async Task<bool> IsWholeAsync(string path, ModelManifest manifest, CancellationToken cancellation)
    {
        if (!Directory.Exists(path))
            return false;
        foreach (var (name, file) in manifest.Files)
        {
            if (!await IsRightAsync(Path.Combine(path, name), file, cancellation))
                return false;
        }
        return true;
    }

    private static async Task<bool> IsRightAsync(string path, ModelFile expected, CancellationToken cancellation)
    {
        if (!File.Exists(path) || new FileInfo(path).Length != expected.Bytes)
            return false;
        await using var content = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellation)) == expected.Sha256;
    }

    private async Task FetchAsync(string folder, string path, ModelManifest manifest, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (!await IsWholeAsync(path, manifest, cancellation))
                await CompleteAsync(folder, path, manifest, cancellation);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Keeps what is right of an earlier, damaged or interrupted copy, and fetches the rest.</summary>
    private async Task CompleteAsync(string folder, string path, ModelManifest manifest, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        string unfinished = path + Unfinished;
        if (Directory.Exists(path))
        {
            // Whoever has it open goes on with the files that it opened.
            Delete(unfinished);
            Directory.Move(path, unfinished);
        }
        MakeRoom(folder, unfinished, manifest.Bytes);
        Directory.CreateDirectory(unfinished);
        long fetched = 0;
        foreach (var (name, expected) in manifest.Files)
        {
            string file = Path.Combine(unfinished, name);
            if (await IsRightAsync(file, expected, cancellation))
                continue;
            File.Delete(file);
            await using (var destination = File.Create(file))
            {
                if (await folders.DownloadAsync(folder, name, destination, cancellation) != expected)
                    throw new CheckpointException($"{folder}/{name}", "is damaged in storage: it is not what its manifest says");
            }
            fetched += expected.Bytes;
        }
        Directory.Move(unfinished, path);
        LogFetched(logger, folder, fetched, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>Deletes what was used longest ago until the model fits.</summary>
    private void MakeRoom(string folder, string unfinished, long bytes)
    {
        if (bytes > options.CacheBytes)
            throw new CheckpointException(folder, $"has {bytes} bytes, and {WorkerOptions.Section}:{nameof(WorkerOptions.CacheBytes)} is {options.CacheBytes}");
        var others = new DirectoryInfo(options.CachePath).GetDirectories().Where(entry => entry.FullName != unfinished).OrderBy(entry => entry.LastWriteTimeUtc).ToList();
        long taken = others.Sum(Bytes);
        foreach (var entry in others)
        {
            if (taken + bytes <= options.CacheBytes)
                return;
            if (IsInUse(entry.FullName))
                continue;
            taken -= Bytes(entry);
            LogDeleted(logger, entry.Name);
            Delete(entry.FullName);
        }
        if (taken + bytes > options.CacheBytes)
            throw new CheckpointException(folder, $"does not fit beside the models in use: {WorkerOptions.Section}:{nameof(WorkerOptions.CacheBytes)} is {options.CacheBytes}");
    }

    private bool IsInUse(string path)
    {
        lock (_lock)
            return _users.ContainsKey(path);
    }

    private static long Bytes(DirectoryInfo entry) => entry.GetFiles().Sum(file => file.Length);

    private static void Delete(string path)
    {
        if (Directory.Exists(path))
            Directory.Delete(path, recursive: true);
    }

    [LoggerMessage(EventId = 303, Level = LogLevel.Information, Message = "Fetched {Folder}: {Bytes} bytes in {Seconds:F1} s")]
    private static partial void LogFetched(ILogger logger, string folder, long bytes, double seconds);

    [LoggerMessage(EventId = 304, Level = LogLevel.Information, Message = "Deleted {Entry} from the cache of models: it was used longest ago")]
    private static partial void LogDeleted(ILogger logger, string entry);
}

/// <summary>The right to read a model's files.</summary>
public sealed class CachedModel : IDisposable
{
    private readonly ModelCache _cache;
    private int _isDisposed;

    internal CachedModel(ModelCache cache, string path)
    {
        (_cache, Path) = (cache, path);
        cache.Use(path);
    }

    public string Path { get; }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            _cache.Release(Path);
    }
}
