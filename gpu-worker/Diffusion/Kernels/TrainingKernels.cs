using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Kernels;

/// <summary>
/// Parts of a training step that read and write their tensors once, where libtorch makes a pass over memory for each operation.
/// </summary>
internal static class TrainingKernels
{
    /// <summary>
    /// Whether a kernel takes what a device trains with: products in bfloat16 on a processor with vectors of 512 bits, and rows of whole
    /// vectors.
    /// </summary>
    /// <param name="width">Numbers that the kernel takes as one row.</param>
    public static bool Suit(Device device, ScalarType computeType, long width) =>
        device.type == DeviceType.CPU && computeType == ScalarType.BFloat16 && Lanes.AreSupported && width % Lanes.Count == 0;
}
