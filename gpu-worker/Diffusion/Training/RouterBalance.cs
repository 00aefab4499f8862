using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// The load balancing loss of experts (Fedus et al. 2021, Switch Transformer, Equation 4) over all layers of a pass together: the number of
/// experts times the sum over experts of the share of choices times the mean probability.
/// </summary>
/// <remarks>
/// As in the reference, the bias of a router counts neither for the probabilities nor for the choices. The shares have no gradient and are
/// known once all layers have passed; then each layer's part of the loss is a sum over its own router, so that layers may run a second time
/// on the way back.
/// </remarks>
/// <param name="scope">Disposes what is kept.</param>
internal sealed class RouterBalance(LLaDAConfig config, double weight, DisposeScope scope)
{
    private readonly Dictionary<int, Tensor> _probabilities = [];
    private Tensor? _counts;
    private long _numTokens;

    /// <summary>Sees the choices of a layer for the first time.</summary>
    public void Count(int layer, RouterChoice choice)
    {
        var experts = config.Experts!;
        var best = choice.Logits.detach().topk(experts.NumChosen, -1).indexes;                                   // [T, chosen]
        var counts = bincount(best.flatten(), minlength: experts.NumExperts).to(ScalarType.Float32);
        _counts = Kept(_counts is null ? counts : _counts.Add(counts));
        _numTokens += choice.Experts.shape[0];
        Keep(layer, choice);
    }

    /// <summary>Sees the choices of a layer again, with its gradients.</summary>
    public void Keep(int layer, RouterChoice choice) =>
        _probabilities[layer] = Kept(nn.functional.softmax(choice.Logits, -1).sum(dim: 0));                           // [experts]

    /// <summary>A layer's part of the loss, a scalar; null where it has no experts.</summary>
    public Tensor? Loss(int layer)
    {
        if (!_probabilities.TryGetValue(layer, out var probabilities))
            return null;
        using var factor = (weight * config.Experts!.NumExperts / ((double)_numTokens * _numTokens)).ToScalar();
        return (_counts!.detach() * probabilities).sum().mul(factor);
    }

    /// <summary>The loss without its gradient, [1].</summary>
    public Tensor Loss()
    {
        using var noGradient = no_grad();
        return stack([.. _probabilities.Keys.Order().Select(layer => Loss(layer)!)]).sum().view(1);
    }

    /// <summary>All parts of the loss.</summary>
    public IEnumerable<Tensor> Losses() => _probabilities.Keys.Order().Select(layer => Loss(layer)!);

    private Tensor Kept(Tensor tensor)
    {
        scope.Attach(tensor);
        return tensor;
    }
}
