using LLaDA.Diffusion.Kernels;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>A forward pass up to the head, and the way back: from the gradient of the hidden states to that of every weight.</summary>
/// <remarks>
/// With activation checkpointing (Chen et al. 2016) the forward pass keeps the input of each block alone, and the backward pass runs one
/// block after the other once more. Going through the blocks by hand needs no autograd function of our own, whose backward pass libtorch
/// would call on a thread of its own where there is a card.
/// </remarks>
internal sealed class CheckpointedForward
{
    private readonly MaskPredictor _model;
    private readonly PackedTokens _packed;
    private readonly Rotation _rotation;

    /// <summary>What enters each block and, last, the final norm; empty where libtorch keeps all activations.</summary>
    private readonly List<Tensor> _inputs = [];

    private readonly Tensor _hidden;
    private readonly RouterBalance? _balance;

    /// <param name="recomputes">Whether to keep the blocks' inputs alone.</param>
    /// <param name="balance">A loss of the routers that is minimised too; null for none.</param>
    public CheckpointedForward(MaskPredictor model, NoisedBatch batch, bool recomputes, RouterBalance? balance = null)
    {
        (_model, _balance) = (model, balance);
        _packed = batch.Pack(model) with { OnChoice = balance is null ? null : balance.Count };
        _rotation = model.Rotate(_packed);
        using var noGradient = recomputes ? no_grad() : null;
        using var recomputed = recomputes ? Logistic.Recomputed() : null;
        var x = model.Embed(_packed.Tokens);
        for (int layer = 0; layer < model.Config.NumLayers; layer++)
        {
            if (recomputes)
                _inputs.Add(x);
            x = model.Block(layer, x, _rotation, _packed);
        }
        if (recomputes)
            _inputs.Add(x);
        _hidden = model.Normalize(x);
    }

    /// <summary>[B * L, D], without a gradient of its own.</summary>
    public Tensor Hidden => _hidden.detach();

    /// <summary>Adds to the gradients of the weights.</summary>
    /// <param name="gradient">Of the loss by <see cref="Hidden"/>, [B * L, D].</param>
    public void Backward(Tensor gradient)
    {
        if (_inputs.Count == 0)
        {
            Backward(_hidden, gradient, [.. _balance?.Losses() ?? []]);
            return;
        }
        gradient = ThroughAgain(_inputs.Count - 1, gradient, _model.Normalize);
        var again = _packed with { OnChoice = _balance is null ? null : _balance.Keep };
        for (int layer = _inputs.Count - 2; layer >= 0; layer--)
            gradient = ThroughAgain(layer, gradient, x => _model.Block(layer, x, _rotation, again));
        Backward(_model.Embed(_packed.Tokens), gradient);
    }

    /// <returns>The gradient of what enters.</returns>
    private Tensor ThroughAgain(int index, Tensor gradient, Func<Tensor, Tensor> forward)
    {
        using var scope = NewDisposeScope();
        var x = _inputs[index].detach().requires_grad_(true);
        var result = forward(x);
        Backward(result, gradient, _balance?.Loss(index) is { } loss ? [loss] : []);
        gradient.Dispose();
        _inputs[index].Dispose();
        return x.grad!.MoveToOuterDisposeScope();
    }

    /// <remarks>Below frozen weights nothing asks for a gradient.</remarks>
    /// <param name="losses">Scalars that count as they are.</param>
    private static void Backward(Tensor result, Tensor gradient, params Tensor[] losses)
    {
        Tensor[] asked = [.. losses.Where(loss => loss.requires_grad)];
        if (!result.requires_grad && asked.Length == 0)
            return;
        try
        {
            if (asked.Length == 0)
                result.backward([gradient]);
            else
                autograd.backward([result, .. asked], [gradient, .. asked.Select(loss => ones_like(loss))]);
        }
        finally
        {
            FunctionTensors.End();
        }
    }
}
