using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace LLaDA.Diffusion.Native;

/// <summary>The settings of OpenMP's threads, which libgomp reads from the environment of the process when it is loaded.</summary>
/// <remarks>
/// Waiting threads sleep: those that spin take the cores from whatever they wait for once the machine does other work too. There are
/// no more of them than the processors that a container may use, which libgomp does not know. What the environment says comes first.
/// </remarks>
internal static partial class ThreadSettings
{
    private const string WaitPolicy = "OMP_WAIT_POLICY", SpinCount = "GOMP_SPINCOUNT", NumThreads = "OMP_NUM_THREADS";

    /// <summary>Call it before libgomp is loaded; afterwards it has no effect.</summary>
    public static void Apply()
    {
        // The runtime keeps an environment of its own, which a program may have changed and libgomp does not see.
        foreach (string name in new[] { WaitPolicy, SpinCount, NumThreads })
        {
            if (Environment.GetEnvironmentVariable(name) is { } value)
                Set(name, value);
        }
        SetDefault(WaitPolicy, "PASSIVE");
        if (Environment.ProcessorCount < NumAllowedProcessors())
            SetDefault(NumThreads, Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture));
    }

    private static void SetDefault(string name, string value)
    {
        if (Environment.GetEnvironmentVariable(name) is null)
            Set(name, value);
    }

    private static void Set(string name, string value) => _ = SetEnvironment(name, value, overwrite: 1);

    /// <summary>The processors that this process may run on, which is what libgomp counts: one bit each.</summary>
    private static int NumAllowedProcessors()
    {
        const string line = "Cpus_allowed:";
        string? mask = File.ReadLines("/proc/self/status").FirstOrDefault(text => text.StartsWith(line, StringComparison.Ordinal));
        return mask is null ? 0 : mask[line.Length..].Where(char.IsAsciiHexDigit)
            .Sum(digit => BitOperations.PopCount(Convert.ToUInt32(digit.ToString(), 16)));
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
