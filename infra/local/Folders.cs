namespace LLaDA.Batch.Local;

/// <summary>Where the stack keeps its things.</summary>
internal static class Folders
{
    /// <summary>What every clone on this machine shares.</summary>
    public static string Cache { get; } = Directory.CreateDirectory(Path.Combine(Home(), "llada-batch")).FullName;

    /// <exception cref="StackException">The disk of the folder has less free space.</exception>
    public static void RequireFreeSpace(string folder, long bytes)
    {
        long free = new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;
        if (free < bytes)
            throw new StackException($"{folder} has {free >> 20} MB of disk space left, and {bytes >> 20} MB are needed: free some, or choose another place with --data");
    }

    private static string Home() =>
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create) is { Length: > 0 } home ? home : Path.GetTempPath();
}
