using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>y = x W^T + b, multiplied in the type of x: weights may be kept in float32, or in 8 bits, and multiplied in bfloat16.</summary>
public sealed class Linear : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "weight")]
    private readonly Parameter _weight;

    [ComponentName(Name = "bias")]
    private readonly Parameter? _bias;

    internal Linear(long inputWidth, long outputWidth, bool hasBias, WeightTypes types, Device device)
        : base(nameof(Linear))
    {
        _weight = types.Matrix(device, outputWidth, inputWidth);
        _bias = hasBias ? new Parameter(zeros(outputWidth, types.Others, device)) : null;
        Adapted = new AdaptedWeight(_weight);
        RegisterComponents();
    }

    internal AdaptedWeight Adapted { get; }

    /// <summary>[output width], or null.</summary>
    internal Parameter? Bias => _bias;

    /// <param name="input">[..., input width].</param>
    /// <returns>[..., output width], in the type of the input.</returns>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var output = nn.functional.linear(input, Int8Rows.Dense(_weight, input.dtype), _bias?.to(input.dtype));
        return (Adapted.Adapter?.Apply(input, output) ?? output).MoveToOuterDisposeScope();
    }
}
