namespace LLaDA.Diffusion.Native;

/// <summary>libtorch was not found, or the system cannot load it. The message says what to do.</summary>
public sealed class LibTorchMissingException : Exception
{
    private const string Advice =
        "Restore the package libtorch-cpu-linux-x64 on this machine, publish the application with its libtorch folder, " +
        "or set Torch__LibTorch to a folder that holds libtorch_cpu.so (such as torch/lib of a PyTorch installation).";

    internal LibTorchMissingException(IReadOnlyList<string> places)
        : base($"libtorch was not found. Looked for libtorch_cpu.so in: {string.Join(", ", places)}. {Advice}")
    {
    }

    internal LibTorchMissingException(string library, Exception cause)
        : base($"{library} cannot be loaded: {cause.Message.ReplaceLineEndings(" ")} {Advice}", cause)
    {
    }
}
