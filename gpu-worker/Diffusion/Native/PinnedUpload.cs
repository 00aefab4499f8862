using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Native;

/// <summary>Copies numbers from the host to the device without waiting for the device.</summary>
/// <remarks>
/// A copy from ordinary memory waits until a graphics card has finished all earlier work. A copy from pinned memory is queued behind that
/// work,
/// and libtorch keeps the pinned memory until the copy is done. On a CPU the tensor is a plain copy of the array.
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
