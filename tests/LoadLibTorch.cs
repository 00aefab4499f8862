using System.Runtime.CompilerServices;
using LLaDA.Diffusion.Native;
using TorchSharp;

namespace LLaDA.Tests;

/// <summary>Tests touch torch before they touch the library, which would then come too late to say where libtorch is.</summary>
/// <remarks>Their tensors are tiny and the projects run side by side: more threads would only wait for one another.</remarks>
internal static class LoadLibTorch
{
    [ModuleInitializer]
    internal static void Load()
    {
        LibTorch.Load();
        torch.set_num_threads(1);
    }
}
