using LLaDA.Diffusion.Native;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>Chooses each token's experts, from that token alone, in float32. Of equal scores the lowest expert counts as better.</summary>
public sealed class Router : nn.Module
{
    private const double SumFloor = 1e-20;

    [ComponentName(Name = "weight")]
    private readonly Parameter _weight;

    [ComponentName(Name = "bias")]
    private readonly Tensor? _bias;

    private readonly ExpertConfig _config;
    private readonly Scalar _scale;

    internal Router(ExpertConfig config, long width, ScalarType type, Device device)
        : base(nameof(Router))
    {
        _config = config;
        _scale = config.Scale.ToScalar();
        _weight = new Parameter(empty([config.NumExperts, width], type, device));
        _bias = config.HasBias ? zeros(config.NumExperts, ScalarType.Float32, device) : null;
        RegisterComponents();
    }

    /// <summary>[experts, D], multiplied in float32.</summary>
    internal Parameter Weight => _weight;

    /// <param name="input">[T, D].</param>
    internal RouterChoice Choose(Tensor input)
    {
        using var scope = NewDisposeScope();
        var logits = nn.functional.linear(input.to(ScalarType.Float32), _weight.to(ScalarType.Float32));        // [T, experts]
        var choice = _config.Router == RouterKind.Softmax ? BySoftmax(logits) : BySigmoid(logits);
        choice.Experts.MoveToOuterDisposeScope();
        choice.Weights.MoveToOuterDisposeScope();
        choice.Logits.MoveToOuterDisposeScope();
        return choice;
    }

    /// <summary>The same in one native call, with the norm before it.</summary>
    /// <param name="x">[T, D], not normalised.</param>
    /// <returns>What the experts get, [T, D], and their choice.</returns>
    internal (Tensor Input, RouterChoice Choice) ChooseByScript(TorchScript script, Tensor x, RmsNorm norm, ScalarType computeType)
    {
        var routed = script.CallForList(
            "route", x, norm.Weight, norm.Epsilon, (int)computeType, _weight, _bias, _config.Router == RouterKind.Softmax, _scale,
            _config.NumChosen, _config.NumGroups, _config.NumChosenGroups);
        return (routed[0], new RouterChoice(routed[1], routed[2], routed[3]));
    }

    private RouterChoice BySoftmax(Tensor logits)
    {
        var scores = Biased(nn.functional.softmax(logits, -1));
        var experts = Best(scores, _config.NumChosen);
        return new RouterChoice(experts, scores.gather(1, experts), logits);
    }

    private RouterChoice BySigmoid(Tensor logits)
    {
        var scores = Logistic.Sigmoid(logits);
        var experts = Best(AmongBestGroups(Biased(scores.detach())), _config.NumChosen);
        var weights = scores.gather(1, experts);
        if (_config.NumChosen > 1)
        {
            using var floor = SumFloor.ToScalar();
            weights /= weights.sum(-1, keepdim: true).add_(floor, StaticScalars.One);
        }
        return new RouterChoice(experts, weights.mul(_scale), logits);
    }

    private Tensor Biased(Tensor scores) => _bias is null ? scores : scores.Add(_bias.to(ScalarType.Float32));

    /// <summary>The same scores with -inf for the experts of the other groups.</summary>
    private Tensor AmongBestGroups(Tensor scores)
    {
        if (_config.NumChosenGroups == _config.NumGroups)
            return scores;
        var groups = scores.view(scores.shape[0], _config.NumGroups, -1);
        var best = Best(groups.topk(2, -1).values.sum(-1), _config.NumChosenGroups);                             // [T, chosen groups]
        var isOut = ones([scores.shape[0], _config.NumGroups], ScalarType.Bool, scores.device).scatter_(
            1, best, zeros_like(best, ScalarType.Bool));
        return groups.masked_fill(isOut.unsqueeze(-1), StaticScalars.NegativeInfinity).view(scores.shape);
    }

    private static Tensor Best(Tensor scores, int count) => scores.sort(-1, descending: true, stable: true).Indices.narrow(-1, 0, count);
}

/// <summary>The experts of the tokens of a pass in one layer, the best one first.</summary>
/// <param name="Experts">[T, chosen], int64.</param>
/// <param name="Weights">[T, chosen], float32: what the experts' outputs are multiplied by.</param>
/// <param name="Logits">[T, experts], float32, before softmax or sigmoid.</param>
public sealed record RouterChoice(Tensor Experts, Tensor Weights, Tensor Logits);
