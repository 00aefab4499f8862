using System.Security.Cryptography;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>SHA-256 of files, in lower-case hexadecimal.</summary>
public static class FileHash
{
    private const int BufferBytes = 1 << 20;

    /// <param name="cancellation">Observed once a megabyte.</param>
    public static string Sha256(string path, CancellationToken cancellation = default)
    {
        using var file = File.OpenHandle(path, options: FileOptions.SequentialScan);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[BufferBytes];
        for (long offset = 0; RandomAccess.Read(file, buffer, offset) is > 0 and var count; offset += count)
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, count);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
