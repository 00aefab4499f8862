using System.Diagnostics;
using System.Globalization;
using TorchSharp;

namespace LLaDA.Batch.Benchmarks.Devices;

/// <summary>Memory of the first card, as its driver counts it: what libtorch holds, used or kept for later.</summary>
internal static class CardMemory
{
    /// <returns>Bytes; null on a CPU or without nvidia-smi.</returns>
    public static long? Used(torch.Device device)
    {
        if (device.type != DeviceType.CUDA)
            return null;
        try
        {
            using var query = Process.Start(new ProcessStartInfo(
                "nvidia-smi", ["--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]) { RedirectStandardOutput = true })!;
            string text = query.StandardOutput.ReadToEnd();
            query.WaitForExit();
            return long.TryParse(text.Trim(), CultureInfo.InvariantCulture, out long megabytes) ? megabytes << 20 : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
