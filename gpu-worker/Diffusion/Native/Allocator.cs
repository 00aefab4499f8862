using System.Runtime.InteropServices;

namespace LLaDA.Diffusion.Native;

/// <summary>glibc's allocator, from which libtorch takes a CPU's tensors.</summary>
/// <remarks>
/// A training step frees its activations and takes as much again. Returning that memory to the system in between costs a tenth of the
/// step (docs/benchmarks/trainer.md), so the process keeps it while it trains.
/// </remarks>
internal static partial class Allocator
{
    private const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3;

    /// <summary>The most that glibc takes as its bound: larger blocks always come from the system and return to it.</summary>
    private const int LargestShared = 32 << 20;

    private static readonly Lock s_lock = new();
    private static int s_numTrainings;

    /// <summary>Keeps freed memory until the result is disposed of; then what is free returns to the system.</summary>
    public static IDisposable KeepMemory()
    {
        Count(1);
        return new Keeping();
    }

    private static void Count(int change)
    {
        lock (s_lock)
        {
            s_numTrainings += change;
            bool keeps = s_numTrainings > 0;
            // Without trainings, the bounds up to which glibc would go by itself.
            _ = SetOption(MmapThreshold, LargestShared);
            _ = SetOption(TrimThreshold, keeps ? int.MaxValue : 2 * LargestShared);
            _ = SetOption(TopPad, keeps ? 64 << 20 : 0);
            if (!keeps)
                _ = Trim(0);
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint pad);

    private sealed class Keeping : IDisposable
    {
        private int _isDisposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
                Count(-1);
        }
    }
}
