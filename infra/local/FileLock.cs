namespace LLaDA.Batch.Local;

/// <summary>An exclusive lock (flock) on a file, held until it is disposed of or until the process ends.</summary>
internal sealed class FileLock : IDisposable
{
    /// <summary>errno of a file that another process has locked: EWOULDBLOCK.</summary>
    private const int WouldBlock = 11;

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    private readonly FileStream _file;

    private FileLock(FileStream file) => _file = file;

    public static async Task<FileLock> AcquireAsync(string path, CancellationToken cancellation)
    {
        while (true)
        {
            if (TryAcquire(path) is { } acquired)
                return acquired;
            await Task.Delay(s_pause, cancellation);
        }
    }

    /// <returns>Null while another process holds it, or another lock of this process.</returns>
    /// <exception cref="StackException">The file cannot be written.</exception>
    public static FileLock? TryAcquire(string path)
    {
        try
        {
            return new FileLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException exception) when (exception.HResult == WouldBlock)
        {
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Folders.NotWritable(Path.GetDirectoryName(path)!, exception);
        }
    }

    public void Dispose() => _file.Dispose();
}
