using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training.Optimizers;

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
    private readonly List<State> _states = [.. parameters.Select(State.New)];

    /// <summary>First and second moments, in the order of the parameters and under their names.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Moments => [.. _states.SelectMany(state => new[]
    {
        ($"{state.Of.Name}.exp_avg", state.Average), ($"{state.Of.Name}.exp_avg_sq", state.Square),
    })];

    /// <summary>One update. A parameter without a gradient, whose gradient is zero then, still decays and keeps its momentum.</summary>
    /// <param name="numUpdates">Updates with this one, from 1.</param>
    /// <param name="gradientScale">Times the gradients, which are changed so: what clips them.</param>
    public void Update(int numUpdates, double learningRate, double gradientScale = 1)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var device = _states[0].Of.Parameter.device;
        var numDone = PinnedUpload.To(device, [(float)numUpdates]);
        var scale = gradientScale == 1 ? null : PinnedUpload.To(device, [(float)(1 / gradientScale)]);
        using var rate = learningRate.ToScalar();
        using var keptAverage = beta1.ToScalar();
        using var keptSquare = beta2.ToScalar();
        using var floor = epsilon.ToScalar();
        foreach (var states in _states.GroupBy(state => state.Of.WeightDecay))
        {
            using var decay = states.Key.ToScalar();
            Tensor[] Each(Func<State, Tensor> of) => [.. states.Select(of)];
            OptimizerScript.Instance.CallForList(
                "adamw", Each(state => state.Of.Parameter), Each(state => state.Of.Gradient()),
                Each(state => state.Average), Each(state => state.Square), numDone, scale, rate, keptAverage, keptSquare, decay, floor);
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

    private sealed record State(DecayingParameter Of, Tensor Average, Tensor Square)
    {
        public static State New(DecayingParameter parameter) => new(parameter, parameter.Zeros(), parameter.Zeros());
    }
}
