using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LLaDA.Diffusion.Kernels;

/// <summary>Sixteen numbers at a time, in float32, from and to memory in bfloat16: the upper half of a float32.</summary>
internal static unsafe class Lanes
{
    public const int Count = 16;

    private const uint NotANumber = 0x7FC0_0000;

    public static bool AreSupported => Avx512F.IsSupported;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(ushort* from) =>
        Vector512.ShiftLeft(Avx512F.ConvertToVector512UInt32(Vector256.Load(from)), 16).AsSingle();

    /// <summary>Rounds to the nearest, ties to even, as libtorch does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(ushort* to, Vector512<float> numbers)
    {
        var bits = numbers.AsUInt32();
        var last = Vector512.ShiftRightLogical(bits, 16) & Vector512<uint>.One;
        var rounded = bits + last + Vector512.Create(0x7FFFu);
        rounded = Vector512.ConditionalSelect(Vector512.Equals(numbers, numbers).AsUInt32(), rounded, Vector512.Create(NotANumber));
        Avx512F.ConvertToVector256UInt16(Vector512.ShiftRightLogical(rounded, 16)).Store(to);
    }

    /// <summary>1 / (1 + exp(-x)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x) => Vector512<float>.One / (Vector512<float>.One + Vector512.Exp(-x));
}
