using LLaDA.Diffusion.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019): Adam with bias correction, and weight decay apart from the gradient. Moments are float32.
/// </summary>
/// <remarks>
/// All weights of one decay are updated by one operation of libtorch (optimizer.torchscript), which TorchSharp's own optimizer does not
/// use. It clips the gradients in place.
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
        Tensor[] gradients = [.. _states.Select(state => state.Parameter.grad).OfType<Tensor>()];
        var norm = gradients.Length == 0
            ? zeros(1, device: _states[0].Parameter.device) : OptimizerScript.Instance.Call("norm", [gradients]);
        return norm.MoveToOuterDisposeScope();
    }

    /// <summary>One update. A parameter without a gradient, whose gradient is zero then, still decays and keeps its momentum.</summary>
    /// <param name="gradientScale">Times the gradients, which are changed so: what clips them.</param>
    public void Update(double learningRate, double gradientScale = 1)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        NumUpdates++;
        var device = _states[0].Parameter.device;
        var numUpdates = PinnedUpload.To(device, [(float)NumUpdates]);
        var scale = gradientScale == 1 ? null : PinnedUpload.To(device, [(float)(1 / gradientScale)]);
        using var rate = learningRate.ToScalar();
        using var keptAverage = beta1.ToScalar();
        using var keptSquare = beta2.ToScalar();
        using var floor = epsilon.ToScalar();
        foreach (var states in _states.GroupBy(state => state.WeightDecay))
        {
            using var decay = states.Key.ToScalar();
            Tensor[] Each(Func<State, Tensor> of) => [.. states.Select(of)];
            OptimizerScript.Instance.CallForList(
                "update", Each(state => state.Parameter), Each(state => state.Parameter.grad ?? zeros_like(state.Parameter)),
                Each(state => state.Average), Each(state => state.Square), numUpdates, scale, rate, keptAverage, keptSquare, decay, floor);
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
