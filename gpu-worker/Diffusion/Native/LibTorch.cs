using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace LLaDA.Diffusion.Native;

/// <summary>Loads libtorch from the place where it is installed, so that no output folder needs a copy.</summary>
/// <remarks>
/// The search order is: the folder given to <see cref="Load"/> or by the environment variable <c>Torch__LibTorch</c> (for instance a
/// PyTorch installation's <c>torch/lib</c>), the folder <c>libtorch</c> beside the application, the application's folder, the folder in
/// which a package such as TorchSharp-cpu puts it, and the package cache of the machine that built it.
/// </remarks>
public static class LibTorch
{
    public const string FolderVariable = "Torch__LibTorch";

    private const string Shim = "libLibTorchSharp.so";

    /// <summary>In the order of their dependencies; names with a star are optional.</summary>
    private static readonly string[] s_libraries =
        ["libgomp*.so*", "libc10.so", "libtorch_cpu.so", "libc10_cuda.so*", "libtorch_cuda.so*", "libtorch.so"];

    private static readonly Lock s_lock = new();
    private static IntPtr s_shim;

    /// <summary>The folder that libtorch was loaded from; null before the first use.</summary>
    public static string? Folder { get; private set; }

    /// <summary>Loads libtorch and TorchSharp's shim once; later calls do nothing.</summary>
    /// <exception cref="LibTorchMissingException">No place holds a libtorch that can be loaded.</exception>
    public static void Load(string? folder = null)
    {
        lock (s_lock)
        {
            if (s_shim != IntPtr.Zero)
                return;

            Folder = FindFolder(folder);
            ThreadSettings.Apply();
            Allocator.Apply();
            foreach (var pattern in s_libraries)
            {
                foreach (var library in Matches(Folder, pattern))
                    LoadLibrary(library);
            }
            s_shim = LoadLibrary(Path.Combine(AppContext.BaseDirectory, Shim));
            NativeLibrary.SetDllImportResolver(typeof(torch).Assembly, (name, _, _) => name == "LibTorchSharp" ? s_shim : IntPtr.Zero);
        }
    }

    /// <summary>TorchSharp asks the runtime for libtorch by name at its first use; this loads it then.</summary>
    [ModuleInitializer]
    internal static void AnswerTorchSharp() =>
        System.Runtime.Loader.AssemblyLoadContext.Default.ResolvingUnmanagedDll += (assembly, name) =>
        {
            if (assembly != typeof(torch).Assembly || name != "torch_cpu" || s_shim != IntPtr.Zero)
                return IntPtr.Zero;
            Load();
            return NativeLibrary.Load(Path.Combine(Folder!, "libtorch_cpu.so"));
        };

    private static string FindFolder(string? given)
    {
        given = string.IsNullOrEmpty(given) ? Environment.GetEnvironmentVariable(FolderVariable) : given;
        if (!string.IsNullOrEmpty(given))
            return HasLibTorch(given) ? given : throw new LibTorchMissingException([given]);

        var built = typeof(LibTorch).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .FirstOrDefault(data => data.Key == "LibTorchPackageFolder")?.Value;
        string beside = AppContext.BaseDirectory;
        string?[] places = [Path.Combine(beside, "libtorch"), beside, Path.Combine(beside, "runtimes", "linux-x64", "native"), built];
        return Array.Find(places, place => place is not null && HasLibTorch(place))
            ?? throw new LibTorchMissingException([.. places.OfType<string>()]);
    }

    private static bool HasLibTorch(string folder) => File.Exists(Path.Combine(folder, "libtorch_cpu.so"));

    private static string[] Matches(string folder, string pattern) =>
        pattern.Contains('*', StringComparison.Ordinal) ? Directory.GetFiles(folder, pattern) : [Path.Combine(folder, pattern)];

    private static IntPtr LoadLibrary(string path)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (DllNotFoundException exception)
        {
            throw new LibTorchMissingException(path, exception);
        }
    }
}
