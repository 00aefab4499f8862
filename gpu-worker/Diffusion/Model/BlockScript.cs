using System.Collections.Concurrent;
using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>The text block.torchscript, and what its operations can do on a device.</summary>
internal static class BlockScript
{
    private const double Tolerance = 0.03;

    private static readonly Lazy<TorchScript?> s_script = new(() => TorchScript.Of("block.torchscript"));

    private static readonly ConcurrentDictionary<(int Device, int Heads, int KeyHeads, int Width, bool IsCausal), bool> s_joinsRows = new();

    /// <summary>Null where libtorch does not fit it.</summary>
    public static TorchScript? Instance => s_script.Value;

    /// <summary>
    /// Whether one operation attends rows of any lengths: flash attention on a card in bfloat16, tried once for each shape of heads
    /// against the rows one by one on the CPU.
    /// </summary>
    public static bool JoinsRows(LLaDAConfig config, Device device, ScalarType computeType) =>
        Instance is { } script && device.type == DeviceType.CUDA && computeType == ScalarType.BFloat16
        && s_joinsRows.GetOrAdd(
            (device.index, config.NumHeads, config.NumKeyValueHeads, config.HeadWidth, config.IsCausal),
            shape => IsRight(script, device, shape.Heads, shape.KeyHeads, shape.Width, shape.IsCausal));

    private static bool IsRight(TorchScript script, Device device, int numHeads, int numKeyHeads, int width, bool isCausal)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        long[] places = [0, 5, 5 + 40, 5 + 40 + 1];
        Tensor Heads(int count, double frequency)
        {
            int size = (int)places[^1] * count * width;
            return tensor([.. Enumerable.Range(0, size).Select(index => (float)Math.Sin(index * frequency))], [places[^1], count, width])
                .to(ScalarType.BFloat16);
        }
        var (queries, keys, values) = (Heads(numHeads, 0.37), Heads(numKeyHeads, 0.73), Heads(numKeyHeads, 1.19));
        var bounds = tensor(places).to(ScalarType.Int32);
        Tensor Rows(Func<Tensor, Tensor> on) => script.Call(
            "of_rows", on(queries), on(keys), on(values), isCausal, new[] { on(bounds), on(bounds) }, 40, 40)
            .cpu().to(ScalarType.Float32);
        try
        {
            var difference = (Rows(tensor => tensor.to(device)) - Rows(tensor => tensor)).abs().max();
            return difference.cpu().item<float>() < Tolerance;
        }
        catch (InvalidOperationException)
        {
            return false;       // The card or this build of libtorch lacks it.
        }
    }
}
