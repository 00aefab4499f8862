namespace LLaDA.Batch.Local;

/// <summary>Folders of the stack on this machine.</summary>
internal static class Folders
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Shared by all clones on this machine: Azurite, and the data of the demonstration.</summary>
    /// <exception cref="StackException">It cannot be created.</exception>
    public static string Cache()
    {
        const Environment.SpecialFolder shared = Environment.SpecialFolder.LocalApplicationData;
        string home = Environment.GetFolderPath(shared, Environment.SpecialFolderOption.DoNotVerify);
        string cache = Path.Combine(home.Length > 0 ? home : Path.GetTempPath(), "llada-batch");
        try
        {
            return Directory.CreateDirectory(cache, OwnerOnly).FullName;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StackException(
                $"{cache} cannot be created ({Reason(exception)}): set XDG_DATA_HOME to a folder that you can write to, and try again");
        }
    }

    /// <summary>Creates a folder of data, readable by its owner alone. An existing folder keeps its permissions.</summary>
    /// <returns>The absolute path.</returns>
    /// <exception cref="StackException">It cannot be created.</exception>
    public static string CreateData(string folder)
    {
        string path = Path.GetFullPath(folder);
        try
        {
            return Directory.CreateDirectory(path, OwnerOnly).FullName;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw NotWritable(path, exception);
        }
    }

    /// <exception cref="StackException">The disk of the folder has less free space.</exception>
    public static void RequireFreeSpace(string folder, long bytes)
    {
        long free = FreeBytes(folder);
        if (free >= bytes)
            return;
        throw new StackException(
            $"{folder} has {free >> 20} MB of free disk space and needs {bytes >> 20} MB: free some, or choose another folder with --data");
    }

    /// <summary>Free space of the folder's disk.</summary>
    public static long FreeBytes(string folder) => new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;

    public static StackException NotWritable(string folder, Exception exception) =>
        new($"{folder} cannot be written ({Reason(exception)}): choose another folder with --data");

    /// <summary>The reason without the path, which the sentence names already.</summary>
    private static string Reason(Exception exception) => exception switch
    {
        UnauthorizedAccessException => "permission denied",
        DirectoryNotFoundException => "its parent folder cannot be created",
        _ => exception.Message.TrimEnd('.'),
    };
}
