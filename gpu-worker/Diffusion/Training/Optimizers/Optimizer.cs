using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training.Optimizers;

/// <summary>The updates of all weights of a training, each by the optimizer that suits it.</summary>
internal sealed class Optimizer : IDisposable
{
    private readonly AdamW _adamW;
    private readonly Muon? _muon;
    private readonly Parameter[] _parameters;

    /// <param name="parameters">Float32.</param>
    /// <param name="productType">Type of the matrix products of the training.</param>
    public Optimizer(IReadOnlyList<(string Name, Parameter Parameter)> parameters, TrainingOptions options, ScalarType productType)
    {
        _parameters = [.. parameters.Select(entry => entry.Parameter)];
        var byMuon = DecayingParameter.Groups(parameters, options.WeightDecay)
            .ToLookup(entry => options.Optimizer == OptimizerKind.Muon && IsMatrixOfBlock(entry));
        _adamW = new AdamW([.. byMuon[false]], options.Beta1, options.Beta2);
        _muon = byMuon[true].Any() ? new Muon([.. byMuon[true]], productType) : null;
    }

    /// <summary>Updates made.</summary>
    public int NumUpdates { get; set; }

    /// <summary>Named tensors that decide, beside the weights, what the next update does.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Moments => [.. _muon?.Moments ?? [], .. _adamW.Moments];

    public void ClearGradients() => Gradients.Clear(_parameters);

    /// <returns>The Euclidean norm of all gradients together, [1], float32, on the device of the parameters.</returns>
    public Tensor DeviceGradientNorm() => Gradients.DeviceNorm(_parameters);

    /// <summary>One update of all weights.</summary>
    /// <param name="gradientScale">Times the gradients: what clips them.</param>
    public void Update(double learningRate, double gradientScale)
    {
        NumUpdates++;
        _muon?.Update(learningRate, gradientScale);
        _adamW.Update(NumUpdates, learningRate, gradientScale);
    }

    public void Dispose()
    {
        _muon?.Dispose();
        _adamW.Dispose();
    }

    /// <summary>Rows of a router stand for single experts, which no product mixes.</summary>
    private static bool IsMatrixOfBlock(DecayingParameter entry) =>
        entry.Parameter.dim() >= 2 && entry.Name.StartsWith("blocks.", StringComparison.Ordinal)
        && !entry.Name.Contains(".router.", StringComparison.Ordinal);
}
