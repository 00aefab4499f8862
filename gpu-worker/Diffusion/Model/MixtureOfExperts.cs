using LLaDA.Diffusion.Native;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>A feed-forward layer of experts: those that the router chooses for a token, and the shared one where there is one.</summary>
public sealed class MixtureOfExperts : nn.Module
{
    [ComponentName(Name = "router")]
    private readonly Router _router;

    [ComponentName(Name = "experts")]
    private readonly Experts _experts;

    [ComponentName(Name = "shared")]
    private readonly SharedExpert? _shared;

    internal MixtureOfExperts(ExpertConfig config, long width, WeightTypes types, Device device)
        : base(nameof(MixtureOfExperts))
    {
        _router = new Router(config, width, types.Others, device);
        _experts = new Experts(config, width, types, device);
        _shared = config.SharedWidth == 0 ? null : new SharedExpert(width, config.SharedWidth, types, device);
        RegisterComponents();
    }

    /// <summary>Whether a part of it has one.</summary>
    internal bool HasAdapter =>
        _experts.HasAdapter || (_shared?.Adapted ?? []).Any(weight => weight.Adapter is not null);

    /// <summary>x + the same of its norm, by the script of a block, without adapters.</summary>
    /// <param name="x">[T, D].</param>
    /// <returns>[T, D].</returns>
    internal Tensor AddByScript(TorchScript script, Tensor x, RmsNorm norm, ScalarType computeType, Action<RouterChoice>? onChoice)
    {
        using var scope = NewDisposeScope();
        var (h, choice) = _router.ChooseByScript(script, x, norm, computeType);
        onChoice?.Invoke(choice);
        Tensor[] shared = [.. (_shared?.Adapted ?? []).Select(weight => weight.Weight)];
        return _experts.AddByScript(script, x, h, choice, shared).MoveToOuterDisposeScope();
    }

    /// <param name="input">[T, D].</param>
    /// <param name="onChoice">Sees the choice before the experts are applied; null for none.</param>
    /// <returns>[T, D].</returns>
    internal Tensor Forward(Tensor input, Action<RouterChoice>? onChoice)
    {
        using var scope = NewDisposeScope();
        var choice = _router.Choose(input);
        onChoice?.Invoke(choice);
        var routed = _experts.Apply(input, choice);
        return (_shared is null ? routed : routed.Add(_shared.Forward(input))).MoveToOuterDisposeScope();
    }
}

/// <summary>The expert that every token passes.</summary>
public sealed class SharedExpert : nn.Module
{
    [ComponentName(Name = "gate_proj")]
    private readonly Linear _gate;

    [ComponentName(Name = "up_proj")]
    private readonly Linear _up;

    [ComponentName(Name = "down_proj")]
    private readonly Linear _down;

    internal SharedExpert(long width, long innerWidth, WeightTypes types, Device device)
        : base(nameof(SharedExpert))
    {
        _gate = new Linear(width, innerWidth, hasBias: false, types, device);
        _up = new Linear(width, innerWidth, hasBias: false, types, device);
        _down = new Linear(innerWidth, width, hasBias: false, types, device);
        RegisterComponents();
    }

    /// <summary>Of gate, up and down.</summary>
    internal IEnumerable<AdaptedWeight> Adapted => [_gate.Adapted, _up.Adapted, _down.Adapted];

    /// <param name="input">[T, D].</param>
    /// <returns>[T, D].</returns>
    internal Tensor Forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return _down.call(Logistic.Silu(_gate.call(input)) * _up.call(input)).MoveToOuterDisposeScope();
    }
}
