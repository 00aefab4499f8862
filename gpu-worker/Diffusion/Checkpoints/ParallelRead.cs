using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>Reads stretches of a file straight into memory, several at a time.</summary>
/// <remarks>
/// The system copies from its cache, and takes memory for the tensor as it is written: both are work of a processor, which several share.
/// The file is read and not mapped, since a mapped file that another program shortens would end the process.
/// </remarks>
internal static class ParallelRead
{
    private const int PieceBytes = 8 << 20;

    private static readonly ParallelOptions s_atOnce = new() { MaxDegreeOfParallelism = 4 };

    /// <summary>Fills a tensor with the bytes from an offset on.</summary>
    /// <param name="path">Of the file, for errors.</param>
    /// <param name="tensor">[N], contiguous on a CPU.</param>
    /// <exception cref="CheckpointException">The file ends before the tensor does.</exception>
    public static unsafe void Fill(Tensor tensor, SafeFileHandle file, string path, long offset)
    {
        long numBytes = tensor.numel() * tensor.element_size();
        using var start = tensor.narrow(0, 0, 1);
        // libtorch's memory does not move.
        fixed (byte* first = start.bytes)
        {
            nint address = (nint)first;
            try
            {
                Parallel.For(0, (numBytes + PieceBytes - 1) / PieceBytes, s_atOnce, piece =>
                {
                    long from = piece * PieceBytes;
                    var destination = new Span<byte>((byte*)address + from, (int)Math.Min(PieceBytes, numBytes - from));
                    Exactly(file, path, destination, offset + from);
                });
            }
            catch (AggregateException exception)
            {
                ExceptionDispatchInfo.Throw(exception.InnerExceptions[0]);
            }
        }
    }

    /// <exception cref="CheckpointException">The file ends before.</exception>
    public static void Exactly(SafeFileHandle file, string path, Span<byte> destination, long offset)
    {
        while (destination.Length > 0)
        {
            int read = RandomAccess.Read(file, destination, offset);
            if (read == 0)
                throw new CheckpointException(path, "ended while it was read");
            destination = destination[read..];
            offset += read;
        }
    }
}
