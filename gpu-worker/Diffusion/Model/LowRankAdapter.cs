using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>A change of low rank beside a frozen projection (LoRA, Hu et al. 2021): y = x W^T + b + scale (x A^T) B^T.</summary>
/// <remarks>
/// Not a module: the network's parameters stay those of its checkpoint. A is drawn as a linear layer's weight is in PyTorch and B is 0, so
/// an adapter begins as no change at all.
/// </remarks>
internal sealed class LowRankAdapter : IDisposable
{
    private readonly double _factor;
    private readonly Scalar _scale;

    /// <param name="weight">W, [output width, input width], or [experts, output width, input width], each with matrices of its own.</param>
    /// <param name="rank">r, at least 1.</param>
    /// <param name="scale">alpha / r.</param>
    public LowRankAdapter(Tensor weight, int rank, double scale, Generator random)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        double bound = 1 / Math.Sqrt(weight.shape[^1]);
        using var twice = (2 * bound).ToScalar();
        using var once = bound.ToScalar();
        var drawn = rand([.. weight.shape[..^2], rank, weight.shape[^1]], ScalarType.Float32, generator: random).mul(twice).sub(once);
        A = Lasting(drawn.to(weight.device));
        B = Lasting(zeros([.. weight.shape[..^1], rank], ScalarType.Float32, weight.device));
        (_factor, _scale) = (scale, scale.ToScalar());
    }

    private LowRankAdapter(Parameter a, Parameter b, double scale) => (A, B, _factor, _scale) = (a, b, scale, scale.ToScalar());

    /// <summary>Whether it changes nothing yet.</summary>
    public bool IsZero
    {
        get
        {
            using var scope = NewDisposeScope();
            return B.count_nonzero().item<long>() == 0;
        }
    }

    /// <summary>[r, input width], or that of each expert, float32.</summary>
    public Parameter A { get; }

    /// <summary>[output width, r], or that of each expert, float32.</summary>
    public Parameter B { get; }

    /// <param name="input">[..., input width].</param>
    /// <param name="output">Of the projection, [..., output width].</param>
    /// <returns>The output with the change, in the type of the input, where the products run too.</returns>
    public Tensor Apply(Tensor input, Tensor output) => Apply(input, output, A, B);

    /// <summary>The same for the experts of a layer: the output of one, given its input and number.</summary>
    public Func<Tensor, Tensor, int, Tensor> OfExperts()
    {
        var (a, b) = (A.unbind(0), B.unbind(0));
        return (input, output, expert) => Apply(input, output, a[expert], b[expert]);
    }

    private Tensor Apply(Tensor input, Tensor output, Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var narrow = nn.functional.linear(input, a.to(input.dtype));                        // [..., r]
        return output.add(nn.functional.linear(narrow, b.to(input.dtype)), _scale).MoveToOuterDisposeScope();
    }

    /// <summary>A copy that is not trained.</summary>
    public LowRankAdapter Freeze()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return new LowRankAdapter(Lasting(A.clone(), isTrained: false), Lasting(B.clone(), isTrained: false), _factor);
    }

    public void MergeInto(Tensor weight) => Merge(weight, A, B, _scale);

    /// <summary>W + scale B A, computed in float32 and rounded once to the type of W.</summary>
    public static void Merge(Tensor weight, Tensor a, Tensor b, Scalar scale)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        weight.copy_(weight.to(ScalarType.Float32).add(matmul(b, a), scale));
    }

    private static Parameter Lasting(Tensor values, bool isTrained = true)
    {
        var parameter = new Parameter(values, isTrained);
        parameter.DetachFromDisposeScope();
        return parameter;
    }

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
        _scale.Dispose();
    }
}
