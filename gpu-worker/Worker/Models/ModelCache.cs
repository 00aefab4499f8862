using System.Diagnostics;
using System.Security.Cryptography;
using LLaDA.Batch.Shared.Models;
using LLaDA.Diffusion;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Models;

/// <summary>
/// Models from Blob storage in a bounded folder on this machine. An entry is named by the hash of the model's manifest, so a changed
/// model is a new entry, and a model that two records name is fetched once. An entry appears once all its files match their hashes, and
/// is verified at its first use in a process and after each change.
/// </summary>
/// <remarks>
/// The folder survives restarts, even of a process that was killed during a download: complete files are kept. It belongs to one process
/// at a time.
/// </remarks>
internal sealed partial class ModelCache : IDisposable
{
    private const string Unfinished = ".partial";

    private readonly ModelFolders _folders;
    private readonly ModelCacheOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<ModelCache> _logger;

    /// <summary>One download saturates the network, so models are fetched one at a time.</summary>
    private readonly SemaphoreSlim _gate = new(1);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _users = [];
    private readonly VerifiedFiles _verified;
    private FileStream? _ownership;

    public ModelCache(ModelFolders folders, ModelCacheOptions options, TimeProvider time, ILogger<ModelCache> logger) =>
        (_folders, _options, _time, _logger, _verified) = (folders, options, time, logger, new VerifiedFiles(time));

    /// <summary>The model's files, fetched if necessary. They remain in place until the lease is disposed.</summary>
    /// <param name="folder">The model's prefix in Blob storage.</param>
    /// <exception cref="CheckpointException">The model is incomplete in storage, or larger than the cache.</exception>
    public async Task<CachedModel> AcquireAsync(string folder, CancellationToken cancellation)
    {
        var json = await _folders.FindManifestAsync(folder, cancellation)
            ?? throw new CheckpointException(folder, "is missing or incomplete: it has no manifest");
        ModelManifest manifest;
        try
        {
            manifest = ModelManifest.Parse(json, ModelManifest.FileName);
        }
        catch (InvalidDataException exception)
        {
            throw new CheckpointException(folder, $"cannot be used: {exception.Message}");
        }
        string path = Path.Combine(Path.GetFullPath(_options.Path), Convert.ToHexStringLower(SHA256.HashData(json)));

        var model = new CachedModel(this, path);
        try
        {
            Own();
            if (!await IsWholeAsync(path, manifest, cancellation))
                await FetchAsync(folder, path, manifest, cancellation);
            Directory.SetLastWriteTimeUtc(path, _time.GetUtcNow().UtcDateTime);
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

    /// <exception cref="IOException">Another process owns the folder.</exception>
    private void Own()
    {
        lock (_lock)
        {
            Directory.CreateDirectory(_options.Path);
            string path = Path.Combine(_options.Path, ".lock");
            _ownership ??= new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
    }

    /// <summary>Files are hashed side by side.</summary>
    private async Task<bool> IsWholeAsync(string path, ModelManifest manifest, CancellationToken cancellation)
    {
        if (!Directory.Exists(path))
            return false;
        bool[] areRight = await Task.WhenAll(
            manifest.Files.Select(file => _verified.IsRightAsync(Path.Combine(path, file.Key), file.Value, cancellation)));
        return Array.TrueForAll(areRight, isRight => isRight);
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

    /// <summary>Keeps the intact files of an earlier, damaged or interrupted copy, and fetches the rest.</summary>
    private async Task CompleteAsync(string folder, string path, ModelManifest manifest, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        string unfinished = path + Unfinished;
        if (Directory.Exists(path))
        {
            // A reader of the damaged copy keeps the files that it has opened.
            Delete(unfinished);
            Directory.Move(path, unfinished);
        }
        MakeRoom(folder, unfinished, manifest.Bytes);
        Directory.CreateDirectory(unfinished);
        long fetched = 0;
        foreach (var (name, expected) in manifest.Files)
        {
            string file = Path.Combine(unfinished, name);
            if (await _verified.IsRightAsync(file, expected, cancellation))
                continue;
            File.Delete(file);
            await using (var destination = File.Create(file))
            {
                if (await _folders.DownloadAsync(folder, name, destination, cancellation) != expected)
                    throw new CheckpointException($"{folder}/{name}", "is damaged in storage: it differs from its manifest");
            }
            fetched += expected.Bytes;
        }
        Directory.Move(unfinished, path);
        LogFetched(_logger, folder, fetched, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>Deletes the least recently used entries until the model fits.</summary>
    private void MakeRoom(string folder, string unfinished, long bytes)
    {
        if (bytes > _options.MaxBytes)
            throw new CheckpointException(folder, $"has {bytes} bytes, but Worker:CacheBytes is {_options.MaxBytes}");
        var others = new DirectoryInfo(_options.Path).GetDirectories()
            .Where(entry => entry.FullName != unfinished).OrderBy(entry => entry.LastWriteTimeUtc).ToList();
        long taken = others.Sum(Bytes);
        foreach (var entry in others)
        {
            if (taken + bytes <= _options.MaxBytes)
                return;
            if (IsInUse(entry.FullName))
                continue;
            taken -= Bytes(entry);
            LogDeleted(_logger, entry.Name);
            Delete(entry.FullName);
        }
        if (taken + bytes > _options.MaxBytes)
            throw new CheckpointException(folder, $"does not fit beside the models in use: Worker:CacheBytes is {_options.MaxBytes}");
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

    [LoggerMessage(EventId = 304, Level = LogLevel.Information,
        Message = "Deleted {Entry} from the model cache as the least recently used entry")]
    private static partial void LogDeleted(ILogger logger, string entry);
}
