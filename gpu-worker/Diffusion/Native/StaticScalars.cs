using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Native;

/// <summary>Scalars for tensor arithmetic that live as long as the process.</summary>
/// <remarks>
/// Where a number is an operand beside a tensor, TorchSharp makes a <see cref="Scalar"/> that nothing refers to once its handle is read.
/// Its
/// finalizer may free the memory that libtorch is about to read, so a garbage collection at that moment fails the operation or changes its
/// result. Adding two tensors has the same problem, because of an implicit factor of 1. The banned symbols of this project keep those
/// operators
/// out; other numbers are a <see cref="Scalar"/> in a <c>using</c> declaration.
/// </remarks>
internal static class StaticScalars
{
    public static Scalar Zero { get; } = 0.ToScalar();

    public static Scalar One { get; } = 1.ToScalar();

    public static Scalar NegativeInfinity { get; } = float.NegativeInfinity.ToScalar();

    /// <summary>left + right, without a temporary scalar.</summary>
    public static Tensor Add(this Tensor left, Tensor right) => left.add(right, One);
}
