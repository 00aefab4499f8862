using System.Collections.Concurrent;
using LLaDA.Batch.Shared.Models;
using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Batch.Worker.Models;

/// <summary>
/// Compares files with their hashes, and remembers those that were right as long as this process lives and their size and time of change
/// stay: hashing a large model takes seconds.
/// </summary>
internal sealed class VerifiedFiles(TimeProvider time)
{
    /// <summary>A file changed so lately may change again without a later time of change, so it is not remembered.</summary>
    private static readonly TimeSpan s_settled = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, Version> _verified = new();

    /// <summary>Whether a file is there with the size and the hash that it should have.</summary>
    public async Task<bool> IsRightAsync(string path, ModelFile expected, CancellationToken cancellation)
    {
        var file = new FileInfo(path);
        if (!file.Exists || file.Length != expected.Bytes)
            return false;
        var version = new Version(file.LastWriteTimeUtc, expected);
        if (_verified.TryGetValue(path, out var verified) && verified == version)
            return true;
        if (await Task.Run(() => FileHash.Sha256(path, cancellation), cancellation) != expected.Sha256)
            return false;
        if (time.GetUtcNow().UtcDateTime - version.Written > s_settled)
            _verified[path] = version;
        return true;
    }

    private sealed record Version(DateTime Written, ModelFile File);
}
