using static TorchSharp.torch;

namespace LLaDA.Diffusion.Kernels;

/// <summary>The rows of tensors, some at a time, on as many threads as libtorch uses.</summary>
internal static class Rows
{
    /// <summary>Rows of a piece, whatever the number of threads: sums over the pieces have the same bits then.</summary>
    private const int PieceRows = 32;

    public static int NumPieces(long numRows) => (int)((numRows + PieceRows - 1) / PieceRows);

    /// <param name="compute">Takes the index of a piece, its first row and the one behind its last.</param>
    public static void ForEachPiece(long numRows, Action<int, long, long> compute)
    {
        int numPieces = NumPieces(numRows), numThreads = get_num_threads();
        void Piece(int piece) => compute(piece, (long)piece * PieceRows, Math.Min(numRows, (long)(piece + 1) * PieceRows));
        if (numThreads == 1 || numPieces == 1)
        {
            for (int piece = 0; piece < numPieces; piece++)
                Piece(piece);
        }
        else
        {
            Parallel.For(0, numPieces, new ParallelOptions { MaxDegreeOfParallelism = numThreads }, Piece);
        }
    }

    /// <summary>The same for what does not depend on rows.</summary>
    /// <param name="compute">Takes the first number of a piece and the one behind its last.</param>
    public static void ForEachPiece(long numRows, long width, Action<long, long> compute) =>
        ForEachPiece(numRows, (_, first, end) => compute(first * width, end * width));

    /// <summary>Where the numbers of a tensor begin; libtorch's memory does not move.</summary>
    /// <param name="tensor">Contiguous on the CPU, float32 for <c>float</c> and bfloat16 for <c>ushort</c>.</param>
    /// <exception cref="ArgumentException">It has another type.</exception>
    public static unsafe T* Pointer<T>(Tensor tensor)
        where T : unmanaged
    {
        if (tensor.dtype != (typeof(T) == typeof(float) ? ScalarType.Float32 : ScalarType.BFloat16))
            throw new ArgumentException($"A tensor of {tensor.dtype} is read as {typeof(T).Name}", nameof(tensor));
        using var flat = tensor.view(-1);
        using var start = flat.narrow(0, 0, 1);
        fixed (byte* first = start.bytes)
            return (T*)first;
    }

    /// <exception cref="ArgumentException">They differ.</exception>
    public static void RequireSameShape(Tensor first, Tensor second)
    {
        if (!first.shape.AsSpan().SequenceEqual(second.shape))
            throw new ArgumentException($"[{string.Join(", ", first.shape)}] beside [{string.Join(", ", second.shape)}]", nameof(second));
    }
}
