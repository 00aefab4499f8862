using System.Diagnostics;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Testing;

/// <summary>Signals to the processes of a running stack.</summary>
public static class StackSignals
{
    public const string Functions = "LLaDA.Batch.Functions.dll", Worker = "LLaDA.Batch.Worker.dll", Azurite = "azurite.js";

    private const string Key = "AccountKey=";

    /// <summary>Kills the process that runs a program, without a warning.</summary>
    public static void Kill(string program, LocalStack stack) => Send("KILL", program, stack);

    /// <summary>Asks the process that runs a program to end, as a platform does that takes a machine away.</summary>
    public static void Terminate(string program, LocalStack stack) => Send("TERM", program, stack);

    /// <param name="setting">What the environment of the processes contains.</param>
    /// <returns>Ids of the processes that run a program, their watchers included.</returns>
    public static string[] Processes(string program, string setting) =>
    [
        .. Directory.GetDirectories("/proc").Where(folder => Path.GetFileName(folder).All(char.IsAsciiDigit))
            .Where(folder => Holds(folder, "cmdline", program) && Holds(folder, "environ", setting))
            .Select(folder => Path.GetFileName(folder)!),
    ];

    private static void Send(string signal, string program, LocalStack stack)
    {
        // Azurite is started with the accounts and their keys, its clients with the connection string.
        string setting = program == Azurite ? AccountKey(stack.ConnectionString) : stack.ConnectionString;
        foreach (string process in Processes(program, setting))
        {
            using var kill = Process.Start("kill", [$"-{signal}", process]);
            kill.WaitForExit();
        }
    }

    private static string AccountKey(string connectionString) =>
        connectionString.Split(';').Single(part => part.StartsWith(Key, StringComparison.Ordinal))[Key.Length..];

    private static bool Holds(string processFolder, string file, string text)
    {
        try
        {
            return File.ReadAllText(Path.Combine(processFolder, file)).Contains(text, StringComparison.Ordinal);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;   // Ended meanwhile, or of another user.
        }
    }
}
