using System.Runtime.CompilerServices;
using LLaDA.Diffusion.Native;

namespace LLaDA.Tests;

/// <summary>Tests touch torch before they touch the library, which would then come too late to say where libtorch is.</summary>
internal static class LoadLibTorch
{
    [ModuleInitializer]
    internal static void Load() => LibTorch.Load();
}
