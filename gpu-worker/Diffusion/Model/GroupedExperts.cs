using System.Collections.Concurrent;
using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// Whether all experts of a layer are multiplied by one operation for each projection (<c>_grouped_mm</c>), which needs no copy of the
/// choices to the host: on a card in bfloat16, tried once for each shape against the experts one by one on the CPU.
/// </summary>
internal static class GroupedExperts
{
    private const int NumTokens = 24, NumExperts = 8;

    /// <summary>Of values of about 1 in bfloat16, whose steps there are 2^-8.</summary>
    private const double Tolerance = 0.03;

    private static readonly ConcurrentDictionary<(int Device, int Chosen, long Width, int Inner), bool> s_suits = new();

    public static bool Suit(TorchScript script, Device device, ScalarType type, ExpertConfig config, long width) =>
        device.type == DeviceType.CUDA && type == ScalarType.BFloat16
        && s_suits.GetOrAdd(
            (device.index, config.NumChosen, width, config.Width),
            shape => IsRight(
                shape.Chosen, shape.Width, shape.Inner,
                trial => Grouped(script, [.. trial.Select(tensor => tensor.to(device))]), trial => OneByOne(script, trial)));

    /// <summary>Whether both ways give the same but for rounding; not where one fails.</summary>
    /// <param name="grouped">Of what <see cref="Trial"/> made, as the other one is.</param>
    internal static bool IsRight(
        int numChosen, long width, int inner, Func<Tensor[], Tensor> grouped, Func<Tensor[], Tensor> oneByOne)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor[] trial = Trial(numChosen, width, inner);
        Tensor Result(Func<Tensor[], Tensor> way) => way(trial).cpu().to(ScalarType.Float32);
        try
        {
            return (Result(grouped) - Result(oneByOne)).abs().max().item<float>() < Tolerance;
        }
        catch (InvalidOperationException)
        {
            return false;       // The card or this build of libtorch lacks it.
        }
    }

    /// <summary>
    /// The input [T, D], the choices and weights [T, chosen], and the matrices of gate, up and down, where some experts have many tokens,
    /// some few and some none.
    /// </summary>
    internal static Tensor[] Trial(int numChosen, long width, int inner)
    {
        long[] experts = [.. Enumerable.Range(0, NumTokens)
            .SelectMany(token => Enumerable.Range(0, numChosen).Select(choice => (long)((token * token / 96) + choice) % NumExperts))];
        return
        [
            Values(1, NumTokens, width), tensor(experts, [NumTokens, numChosen]),
            tensor([.. Enumerable.Repeat(1f / numChosen, NumTokens * numChosen)], [NumTokens, numChosen]),
            Values(1 / Math.Sqrt(width), NumExperts, inner, width), Values(1 / Math.Sqrt(width), NumExperts, inner, width),
            Values(1 / Math.Sqrt(inner), NumExperts, width, inner),
        ];

        static Tensor Values(double size, params long[] shape)
        {
            int count = (int)shape.Aggregate((product, side) => product * side);
            return tensor([.. Enumerable.Range(0, count).Select(index => (float)(size * Math.Sin(index)))], shape).to(ScalarType.BFloat16);
        }
    }

    internal static Tensor Grouped(TorchScript script, Tensor[] trial) =>
        script.Call("grouped_experts", zeros_like(trial[0]), trial[0], trial[1], trial[2], trial[3..], Array.Empty<Tensor>());

    internal static Tensor OneByOne(TorchScript script, Tensor[] trial)
    {
        var plan = ExpertPlan.Of([.. trial[1].data<long>()], NumExperts, (int)trial[1].shape[1], RowMultiple.Largest);
        return script.Call(
            "experts", zeros_like(trial[0]), trial[0], trial[2], tensor(plan.Gathered), plan.RunNumbers, tensor(plan.Places), trial[3..],
            Array.Empty<Tensor>(), false, false);
    }
}
