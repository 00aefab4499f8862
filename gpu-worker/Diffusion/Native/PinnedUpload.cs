using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Native;

/// <summary>Numbers that the host has decided, on their way to the device, which is not waited for.</summary>
/// <remarks>
/// A copy from ordinary memory ends when a graphics card has done all that it was given before. From pinned memory it is one more piece of that work, and libtorch keeps the pinned memory until the
/// copy is done. On a CPU the tensor is the array's copy and nothing more.
/// </remarks>
internal static class PinnedUpload
{
    public static Tensor To(Device device, long[] values) => Copy(tensor(values), device);

    public static Tensor To(Device device, float[] values) => Copy(tensor(values), device);

    public static Tensor To(Device device, double[] values) => Copy(tensor(values), device);

    public static Tensor To(Device device, long[] values, ReadOnlySpan<long> shape) => Copy(tensor(values, shape), device);

    public static Tensor To(Device device, bool[] values, ReadOnlySpan<long> shape) => Copy(tensor(values, shape), device);

    private static Tensor Copy(Tensor values, Device device)
    {
        if (device.type == DeviceType.CPU)
            return values;
        using (values)
        {
            if (device.type != DeviceType.CUDA)
                return values.to(device);
            using var pinned = values.pin_memory();
            return pinned.to(device, non_blocking: true);
        }
    }
}
