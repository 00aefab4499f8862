using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>The types that a network's weights are kept in.</summary>
/// <param name="Matrices">Of the projections and experts; Int8 for <see cref="Int8Rows"/>.</param>
/// <param name="Others">Of embedding, head, routers, norms and biases.</param>
internal sealed record WeightTypes(ScalarType Matrices, ScalarType Others)
{
    /// <param name="weightType">Int8 applies to the matrices, which are most of the weights; the others take the type of products.</param>
    public static WeightTypes Of(ScalarType weightType, ScalarType computeType) =>
        new(weightType, weightType == ScalarType.Int8 ? computeType : weightType);

    /// <exception cref="InvalidOperationException">No gradient passes weights of this type.</exception>
    public static void RequireTrainable(ScalarType weightType)
    {
        if (weightType == ScalarType.Int8)
            throw new InvalidOperationException("Weights in 8 bits only predict: load the model in another type to train it");
    }

    /// <summary>A matrix whose values are not set.</summary>
    /// <param name="shape">[..., output width, input width].</param>
    public Parameter Matrix(Device device, params long[] shape) => Matrices == ScalarType.Int8
        ? new Parameter(zeros(Int8Rows.Stored(shape), ScalarType.Int8, device), requires_grad: false)
        : new Parameter(empty(shape, Matrices, device));
}
