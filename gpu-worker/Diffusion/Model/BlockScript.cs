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

    private static readonly ConcurrentDictionary<Attention, bool> s_joinsRows = new();

    /// <summary>Null where libtorch does not fit it.</summary>
    public static TorchScript? Instance => s_script.Value;

    /// <summary>
    /// Whether one operation attends rows of any lengths: flash attention on a card in 16 bits, tried once for each shape of heads
    /// against the rows one by one on the CPU.
    /// </summary>
    public static bool JoinsRows(LLaDAConfig config, Device device, ScalarType computeType) =>
        Instance is { } script && device.type == DeviceType.CUDA && computeType is ScalarType.BFloat16 or ScalarType.Float16
        && s_joinsRows.GetOrAdd(
            new Attention(device.index, computeType, config.NumHeads, config.NumKeyValueHeads, config.HeadWidth, config.IsCausal),
            attention => IsRight(script, device, attention));

    private static bool IsRight(TorchScript script, Device device, Attention attention)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        const int numTokens = 46;
        Tensor Heads(int count, double frequency)
        {
            int size = numTokens * count * attention.Width;
            float[] numbers = [.. Enumerable.Range(0, size).Select(index => (float)Math.Sin(index * frequency))];
            return tensor(numbers, [numTokens, count, attention.Width]).to(attention.Type);
        }
        var (queries, keys, values) = (Heads(attention.Heads, 0.37), Heads(attention.KeyHeads, 0.73), Heads(attention.KeyHeads, 1.19));
        Tensor Int32(long[] numbers) => tensor(numbers).to(ScalarType.Int32);
        bool AreRight(long[] places, long[] starts, long[] seen)
        {
            Tensor[] bounds = [Int32(places), Int32(starts), Int32(seen)];
            int longest = (int)places.Zip(places.Skip(1), (start, end) => end - start).Max();
            Tensor Rows(Func<Tensor, Tensor> on) => script.Call(
                "of_rows", on(queries.narrow(0, 0, places[^1])), on(keys), on(values), attention.IsCausal,
                Array.ConvertAll(bounds, bound => on(bound)), longest, (int)seen.Max()).cpu().to(ScalarType.Float32);
            var difference = (Rows(tensor => tensor.to(device)) - Rows(tensor => tensor)).abs().max();
            return difference.cpu().item<float>() < Tolerance;
        }
        try
        {
            // Rows of all lengths, the last of which sees a key of the second one, and rows of one token, whose keys lie anywhere.
            return AreRight([0, 5, 45, 46], [0, 5, 20, 46], [5, 40, 1]) && AreRight([0, 1, 2, 3], [9, 0, 16, 46], [7, 3, 30]);
        }
        catch (InvalidOperationException)
        {
            return false;       // The card or this build of libtorch lacks it.
        }
    }

    /// <summary>What decides whether the operation is right.</summary>
    /// <param name="Type">Of queries, keys and values.</param>
    private sealed record Attention(int Device, ScalarType Type, int Heads, int KeyHeads, int Width, bool IsCausal);
}
