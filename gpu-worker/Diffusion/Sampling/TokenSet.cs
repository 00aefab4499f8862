using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>A set of token ids, cached on the device on which it was last used. Rows that share a set should share the instance.</summary>
public sealed class TokenSet(IEnumerable<int> ids) : IDisposable
{
    private readonly long[] _ids = [.. ids.Distinct().Order().Select(id => (long)id)];
    private Tensor? _tensor;
    private (DeviceType Type, int Index) _device;

    public bool IsEmpty => _ids.Length == 0;

    /// <summary>Whether all ids lie in [0, <paramref name="end"/>).</summary>
    public bool LiesBelow(int end) => IsEmpty || (_ids[0] >= 0 && _ids[^1] < end);

    public bool Contains(int id) => Array.BinarySearch(_ids, id) >= 0;

    /// <returns>[size], int64; owned by this set.</returns>
    internal Tensor On(Device device)
    {
        // Devices have no equality, and each tensor creates its own.
        if (_tensor is null || _device != (device.type, device.index))
        {
            _tensor?.Dispose();
            _device = (device.type, device.index);
            _tensor = PinnedUpload.To(device, _ids).DetachFromDisposeScope();
        }
        return _tensor;
    }

    public void Dispose() => _tensor?.Dispose();
}
