using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Native;

/// <summary>Numbers for tensor arithmetic that live as long as the process.</summary>
/// <remarks>
/// Where a number stands beside a tensor, TorchSharp makes a <see cref="Scalar"/> that nothing refers to once its handle is read, and its finalizer frees what libtorch is about
/// to read: a garbage collection at the wrong microsecond fails the operation, or changes its result. Adding two tensors does so too, with an unspoken factor of 1.
/// The banned symbols of this project keep those operators out; a number that is not lasting is a <see cref="Scalar"/> in a <c>using</c> declaration.
/// </remarks>
internal static class StaticScalars
{
    public static Scalar Zero { get; } = 0.ToScalar();

    public static Scalar One { get; } = 1.ToScalar();

    public static Scalar NegativeInfinity { get; } = float.NegativeInfinity.ToScalar();

    public static Tensor Plus(this Tensor left, Tensor right) => left.add(right, One);
}
