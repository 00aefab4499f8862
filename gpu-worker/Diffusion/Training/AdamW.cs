using LLaDA.Diffusion.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019): Adam with bias correction, and weight decay apart from the gradient. Moments are float32.
/// </summary>
/// <remarks>
/// TorchSharp's own makes scalars that may be collected while libtorch reads them (StaticScalars). Clipping is a factor of the update here
/// and costs no pass over the gradients.
/// </remarks>
/// <param name="parameters">Float32, each with its own decay.</param>
internal sealed class AdamW(IReadOnlyList<DecayingParameter> parameters, double beta1, double beta2, double epsilon = 1e-8) : IDisposable
{
    private readonly List<State> _states = [.. parameters.Select(State.Of)];

    /// <summary>Updates made.</summary>
    public int NumUpdates { get; set; }

    /// <summary>First and second moments, in the order of the parameters and under their names.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Moments => [.. parameters.Zip(_states, (entry, state) =>
        new[] { ($"{entry.Name}.exp_avg", state.Average), ($"{entry.Name}.exp_avg_sq", state.Square) }).SelectMany(moments => moments)];

    public void ClearGradients()
    {
        foreach (var state in _states)
            state.Parameter.grad = null;
    }

    /// <summary>The Euclidean norm of all gradients together, on the host. Synchronises with the device.</summary>
    public double GradientNorm()
    {
        using var scope = NewDisposeScope();
        return DeviceGradientNorm().cpu().item<float>();
    }

    /// <returns>[1], float32, on the device of the parameters.</returns>
    public Tensor DeviceGradientNorm()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor[] norms = [.. _states.Select(state => state.Parameter.grad).OfType<Tensor>().Select(gradient => gradient.norm())];
        var norm = norms.Length == 0 ? zeros(1, device: _states[0].Parameter.device) : stack(norms).norm().view(1);
        return norm.MoveToOuterDisposeScope();
    }

    /// <summary>One update. A parameter without a gradient, whose gradient is zero then, still decays and keeps its momentum.</summary>
    /// <param name="gradientScale">Times the gradients: what clips them.</param>
    public void Update(double learningRate, double gradientScale = 1)
    {
        using var noGradient = no_grad();
        NumUpdates++;
        using var keptAverage = beta1.ToScalar();
        using var keptSquare = beta2.ToScalar();
        using var newAverage = ((1 - beta1) * gradientScale).ToScalar();
        using var newSquare = ((1 - beta2) * gradientScale * gradientScale).ToScalar();
        using var correction = (1 / Math.Sqrt(1 - Math.Pow(beta2, NumUpdates))).ToScalar();
        using var floor = epsilon.ToScalar();
        using var step = (-learningRate / (1 - Math.Pow(beta1, NumUpdates))).ToScalar();
        foreach (var state in _states)
        {
            using var scope = NewDisposeScope();
            state.Average.mul_(keptAverage);
            state.Square.mul_(keptSquare);
            if (state.Parameter.grad is { } gradient)
            {
                state.Average.add_(gradient, newAverage);
                state.Square.addcmul_(gradient, gradient, newSquare);
            }
            if (state.WeightDecay > 0)
            {
                using var keptWeight = (1 - (learningRate * state.WeightDecay)).ToScalar();
                state.Parameter.mul_(keptWeight);
            }
            var denominator = state.Square.sqrt().mul_(correction).add_(floor, StaticScalars.One);
            state.Parameter.addcdiv_(state.Average, denominator, step);
        }
    }

    public void Dispose()
    {
        foreach (var state in _states)
        {
            state.Average.Dispose();
            state.Square.Dispose();
        }
    }

    private sealed record State(Parameter Parameter, double WeightDecay, Tensor Average, Tensor Square)
    {
        public static State Of(DecayingParameter entry)
        {
            Tensor Zeros() => zeros_like(entry.Parameter).DetachFromDisposeScope();
            return new State(entry.Parameter, entry.WeightDecay, Zeros(), Zeros());
        }
    }
}
