using LLaDA.Diffusion.Model;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>AdamW's two groups of parameters: matrices decay, norms and biases do not.</summary>
internal static class DecayGroups
{
    public static AdamW Optimizer(MaskPredictor model, TrainingOptions options)
    {
        AdamW.ParamGroup Group(IEnumerable<(string, Parameter Parameter)> parameters, double weightDecay) => new()
        {
            Parameters = parameters.Select(entry => entry.Parameter),
            Options = new AdamW.Options { beta1 = options.Beta1, beta2 = options.Beta2, weight_decay = weightDecay },
        };
        var (decaying, constant) = Split(model);
        return optim.AdamW([Group(decaying, options.WeightDecay), Group(constant, 0)], options.LearningRate.Peak, options.Beta1, options.Beta2);
    }

    /// <summary>In the order in which the optimizer keeps its state.</summary>
    public static IEnumerable<(string Name, Parameter Parameter)> InOrder(MaskPredictor model)
    {
        var (decaying, constant) = Split(model);
        return decaying.Concat(constant);
    }

    private static (List<(string Name, Parameter Parameter)> Decaying, List<(string Name, Parameter Parameter)> Constant) Split(MaskPredictor model)
    {
        var parameters = model.named_parameters().ToLookup(entry => entry.parameter.dim() > 1);
        return ([.. parameters[true]], [.. parameters[false]]);
    }
}
