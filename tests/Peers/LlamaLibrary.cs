using System.Runtime.InteropServices;
using LLama.Native;

namespace LLaDA.Batch.Peers;

/// <summary>The library of llama.cpp that is measured: the package's, or another build of nearly the same version.</summary>
internal static class LlamaLibrary
{
    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate void LoadBackends([MarshalAs(UnmanagedType.LPUTF8Str)] string folder);

    /// <param name="folder">
    /// Holds libllama and its libggml libraries, of which llama.cpp takes the one for this processor; null for the package's.
    /// </param>
    public static void Load(string? folder)
    {
        var configuration = NativeLibraryConfig.All.WithLogCallback((_, _) => { });    // it says what it reserves
        if (folder is null)
            return;
        configuration.WithLibrary(Find(folder, "libllama"), null);
        nint backends = NativeLibrary.Load(Find(folder, "libggml"));
        Marshal.GetDelegateForFunctionPointer<LoadBackends>(NativeLibrary.GetExport(backends, "ggml_backend_load_all_from_path"))(folder);
    }

    /// <summary>Releases put their number between the name and the extension.</summary>
    private static string Find(string folder, string name) =>
        Directory.GetFiles(folder, $"{name}.*so").Order(StringComparer.Ordinal).FirstOrDefault()
        ?? throw new FileNotFoundException($"{folder} holds no {name}");
}
