using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Native;

/// <summary>Functions in TorchScript: each call is one native call, however many operations the function consists of.</summary>
/// <remarks>
/// libtorch's executor would record the first calls and then rewrite the function by what it saw, on a card with kernels that round
/// otherwise. That is turned off, so a function computes the same from its first call on. libtorch never frees a compiled function, so each
/// text is compiled once in a process.
/// </remarks>
internal sealed class TorchScript
{
    /// <summary>std::atomic&lt;bool&gt;&amp; torch::jit::getProfilingMode(): whether functions are recorded and rewritten.</summary>
    private const string ProfilingMode = "_ZN5torch3jit16getProfilingModeEv";

    private readonly jit.CompilationUnit _unit;

    private TorchScript(string text) => _unit = jit.compile(text);

    private delegate IntPtr AddressOfFlag();

    /// <param name="resource">Name of the embedded text.</param>
    /// <returns>Null where libtorch does not let the rewriting be turned off: then modules compute instead.</returns>
    public static TorchScript? Of(string resource) => TryStopRewriting() ? new TorchScript(Text(resource)) : null;

    /// <summary>
    /// The same where libtorch may rewrite: for single operations on lists, in which there is nothing to rewrite, and for updates whose
    /// last bits may then be other ones in a process's first calls.
    /// </summary>
    public static TorchScript OfUpdates(string resource)
    {
        TryStopRewriting();
        return new TorchScript(Text(resource));
    }

    /// <param name="arguments">
    /// Each a tensor, a list of tensors, null, a bool, an int or, for other numbers, a <see cref="Scalar"/> that the caller keeps.
    /// </param>
    /// <returns>Belongs to the current dispose scope.</returns>
    /// <exception cref="InvalidOperationException">libtorch fails; the message is a sentence with its reason.</exception>
    public Tensor Call(string function, params object?[] arguments) => (Tensor)Invoke(function, arguments);

    /// <summary>The same for a function that returns a list of tensors.</summary>
    public Tensor[] CallForList(string function, params object?[] arguments) => (Tensor[])Invoke(function, arguments);

    private object Invoke(string function, object?[] arguments)
    {
        if (Array.Find(arguments, argument => argument is long or float or double) is { } number)
            throw new ArgumentException($"The number {number} would be freed while libtorch reads it: pass a Scalar", nameof(arguments));
        try
        {
            return _unit.invoke(function, arguments!);
        }
        catch (ExternalException exception)
        {
            throw new InvalidOperationException($"libtorch failed in {function}: {Reason(exception.Message)}", exception);
        }
    }

    /// <summary>The error itself, which follows the lines of the function that it passed.</summary>
    private static string Reason(string message)
    {
        const string start = "RuntimeError: ";
        int index = message.LastIndexOf(start, StringComparison.Ordinal);
        string reason = index < 0 ? message : message[(index + start.Length)..];
        return reason.Split('\n')[0].Trim();
    }

    private static string Text(string resource)
    {
        using var text = new StreamReader(typeof(TorchScript).Assembly.GetManifestResourceStream(resource)!);
        return text.ReadToEnd();
    }

    private static bool TryStopRewriting()
    {
        if (LibTorch.Folder is not { } folder
            || !NativeLibrary.TryLoad(Path.Combine(folder, "libtorch_cpu.so"), out var library)
            || !NativeLibrary.TryGetExport(library, ProfilingMode, out var export))
            return false;
        Marshal.WriteByte(Marshal.GetDelegateForFunctionPointer<AddressOfFlag>(export)(), 0);
        return true;
    }
}
