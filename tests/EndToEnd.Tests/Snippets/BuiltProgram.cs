using System.Reflection;
using System.Runtime.InteropServices;

namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>Programs that the build of this project has made.</summary>
internal static class BuiltProgram
{
    public static string CommandLine { get; } = Metadata("CommandLine");

    public static string WorkerFolder { get; } = Path.GetDirectoryName(Metadata("Worker"))!;

    /// <summary>The folder in which NuGet keeps packages.</summary>
    public static string Packages { get; } = Metadata("Packages");

    /// <summary>The libtorch that this build restored.</summary>
    public static string LibTorchFolder => Path.Combine(
        Directory.GetDirectories(Path.Combine(Packages, "libtorch-cpu-linux-x64")).Max(StringComparer.Ordinal)!, "runtimes", "linux-x64",
            "native");

    public static string DotNet { get; } = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));

    private static string Metadata(string key) =>
        typeof(BuiltProgram).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == key).Value!;
}
