using System.Runtime.InteropServices;

namespace LLaDA.Batch.Peers;

/// <summary>How llama.cpp keeps a matrix; the values are those of ggml.</summary>
internal enum GgufType
{
    F32 = 0,

    /// <summary>32 weights of a row share a scale in float16; each is a signed byte.</summary>
    Q8 = 8,

    BF16 = 30,
}

/// <summary>Writes numbers in a type of ggml.</summary>
internal static class GgufTypes
{
    /// <summary>Weights that share a scale in <see cref="GgufType.Q8"/>.</summary>
    private const int BlockLength = 32;

    /// <param name="count">A multiple of 32 for <see cref="GgufType.Q8"/>.</param>
    public static long NumBytes(this GgufType type, long count) => type switch
    {
        GgufType.F32 => count * sizeof(float),
        GgufType.BF16 => count * sizeof(ushort),
        _ => count / BlockLength * (BlockLength + sizeof(ushort)),
    };

    public static void Write(this GgufType type, ReadOnlySpan<float> numbers, Stream stream)
    {
        switch (type)
        {
            case GgufType.F32:
                stream.Write(MemoryMarshal.AsBytes(numbers));
                break;
            case GgufType.BF16:
                WriteBFloat16(numbers, stream);
                break;
            default:
                WriteQ8(numbers, stream);
                break;
        }
    }

    /// <summary>Rounds to the nearest, ties to even.</summary>
    private static void WriteBFloat16(ReadOnlySpan<float> numbers, Stream stream)
    {
        ushort[] halves = new ushort[numbers.Length];
        for (int index = 0; index < halves.Length; index++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(numbers[index]);
            halves[index] = (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }
        stream.Write(MemoryMarshal.AsBytes(halves.AsSpan()));
    }

    private static void WriteQ8(ReadOnlySpan<float> numbers, Stream stream)
    {
        Span<byte> block = stackalloc byte[BlockLength + sizeof(ushort)];
        for (int start = 0; start < numbers.Length; start += BlockLength)
        {
            var weights = numbers.Slice(start, BlockLength);
            float largest = 0;
            foreach (float weight in weights)
                largest = MathF.Max(largest, MathF.Abs(weight));
            float scale = largest / sbyte.MaxValue;
            BitConverter.TryWriteBytes(block, (Half)scale);
            for (int index = 0; index < BlockLength; index++)
                block[sizeof(ushort) + index] = (byte)(sbyte)(scale == 0 ? 0 : MathF.Round(weights[index] / scale));
            stream.Write(block);
        }
    }
}
