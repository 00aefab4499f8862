using LLaDA.Diffusion.Native;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// The gated feed-forward layers of all experts of a layer, down(silu(gate(x)) * up(x)), in one tensor for each projection.
/// </summary>
public sealed class Experts : nn.Module
{
    [ComponentName(Name = "gate_proj")]
    private readonly Parameter _gate;

    [ComponentName(Name = "up_proj")]
    private readonly Parameter _up;

    [ComponentName(Name = "down_proj")]
    private readonly Parameter _down;

    private readonly ExpertConfig _config;

    /// <summary>The last one found; looking it up makes tensors.</summary>
    private (ScalarType Type, int NumThreads, int Value) _multiple;

    internal Experts(ExpertConfig config, long width, WeightTypes types, Device device)
        : base(nameof(Experts))
    {
        _config = config;
        Parameter Stack(long output, long input) => types.Matrix(device, config.NumExperts, output, input);
        _gate = Stack(config.Width, width);
        _up = Stack(config.Width, width);
        _down = Stack(width, config.Width);
        Adapted = new Dictionary<string, AdaptedWeight>
        {
            ["gate_proj"] = new(_gate), ["up_proj"] = new(_up), ["down_proj"] = new(_down),
        };
        RegisterComponents();
    }

    /// <summary>By name of the parameter.</summary>
    internal IReadOnlyDictionary<string, AdaptedWeight> Adapted { get; }

    internal bool HasAdapter => Adapted.Values.Any(weight => weight.Adapter is not null);

    /// <summary>The chosen experts' outputs of each token, weighted and added up in the order of its choice.</summary>
    /// <param name="input">[T, D].</param>
    /// <returns>[T, D], in the type of the input.</returns>
    internal Tensor Apply(Tensor input, RouterChoice choice)
    {
        using var scope = NewDisposeScope();
        var plan = Plan(choice, input.dtype);
        var gathered = input.index_select(0, PinnedUpload.To(input.device, plan.Gathered));                      // [P, D]
        var projections = Adapted.ToDictionary(
            entry => entry.Key, entry => (Weights: Of(entry.Value.Weight), Adapt: entry.Value.Adapter?.OfExperts()));
        List<Tensor> outputs = [];
        foreach (var (expert, start, count) in plan.Runs)
        {
            var x = gathered.narrow(0, start, count);
            Tensor Project(string name, Tensor tokens)
            {
                var output = nn.functional.linear(tokens, Int8Rows.Dense(projections[name].Weights(expert), input.dtype));
                return projections[name].Adapt?.Invoke(tokens, output, expert) ?? output;
            }
            outputs.Add(Project("down_proj", Logistic.Silu(Project("gate_proj", x)) * Project("up_proj", x)));
        }
        var ofTokens = cat(outputs).index_select(0, PinnedUpload.To(input.device, plan.Places))
            .view(input.shape[0], _config.NumChosen, -1).unbind(1);                                             // chosen times [T, D]
        var weights = choice.Weights.to(input.dtype).unsqueeze(-1).unbind(1);                                   // chosen times [T, 1]
        return ofTokens.Zip(weights, (output, weight) => output * weight)
            .Aggregate((sum, term) => sum.Add(term)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// x + the same of h, and of a shared expert where there is one, in one native call: expert by expert, or all at once where the device
    /// can (<see cref="GroupedExperts"/>).
    /// </summary>
    /// <param name="x">[T, D].</param>
    /// <param name="h">[T, D].</param>
    /// <param name="shared">Gate, up and down of the shared expert; empty for none.</param>
    internal Tensor AddByScript(TorchScript script, Tensor x, Tensor h, RouterChoice choice, Tensor[] shared)
    {
        using var scope = NewDisposeScope();
        Tensor[] stacks = [_gate, _up, _down];
        if (_gate.dtype == h.dtype && GroupedExperts.Suit(script, h.device, h.dtype, _config, h.shape[1]))
            return script.Call("grouped_experts", x, h, choice.Experts, choice.Weights, stacks, shared).MoveToOuterDisposeScope();
        var plan = Plan(choice, h.dtype);
        return script.Call(
            "experts", x, h, choice.Weights, PinnedUpload.To(h.device, plan.Gathered), plan.RunNumbers,
            PinnedUpload.To(h.device, plan.Places), stacks, shared, Logistic.IsWhole(_config.Width),
            Logistic.IsWhole(_config.SharedWidth)).MoveToOuterDisposeScope();
    }

    private ExpertPlan Plan(RouterChoice choice, ScalarType type)
    {
        using var host = choice.Experts.cpu().contiguous();
        return ExpertPlan.Of([.. host.data<long>()], _config.NumExperts, _config.NumChosen, Multiple(type));
    }

    /// <summary>In training the largest, since sums over places would depend on it.</summary>
    private int Multiple(ScalarType type)
    {
        if (is_grad_enabled() || HasAdapter)
            return RowMultiple.Largest;
        int numThreads = get_num_threads();
        if ((_multiple.Type, _multiple.NumThreads) != (type, numThreads))
        {
            int ofProducts = new[] { _gate, _up, _down }.Max(OfProduct);
            _multiple = (type, numThreads, Math.Max(RowMultiple.OfFunction(_config.Width), ofProducts));
        }
        return _multiple.Value;

        int OfProduct(Parameter stack)
        {
            using var first = stack.select(0, 0);
            return RowMultiple.Of(first, bias: null, type);
        }
    }

    /// <summary>An expert's matrix.</summary>
    /// <remarks>The gradient of one selection is as large as all experts; of all of them at once there is one.</remarks>
    private static Func<int, Tensor> Of(Parameter stack)
    {
        if (!stack.requires_grad || !is_grad_enabled())
            return expert => stack.select(0, expert);
        var all = stack.unbind(0);
        return expert => all[expert];
    }
}
