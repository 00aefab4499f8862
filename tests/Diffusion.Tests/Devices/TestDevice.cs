using TorchSharp;

namespace LLaDA.Diffusion.Tests.Devices;

/// <summary>Where a test computes: its body is the same on every device, so that it runs on a CPU where there is no card.</summary>
internal static class TestDevice
{
    public static TheoryData<DeviceType> All => [DeviceType.CPU, DeviceType.CUDA];

    public static torch.Device Of(DeviceType type)
    {
        Assert.SkipUnless(
            type == DeviceType.CPU
            || torch.cuda.is_available(), "libtorch finds no CUDA device: this is the CPU build, or there is no card or driver");
        return new torch.Device(type);
    }
}
