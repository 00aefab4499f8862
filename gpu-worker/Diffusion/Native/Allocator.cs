using System.Runtime.InteropServices;

namespace LLaDA.Diffusion.Native;

/// <summary>glibc's allocator, from which libtorch takes a CPU's tensors.</summary>
/// <remarks>
/// Memory that returns to the system must be mapped again page by page, which costs a pass as much as its products where its blocks are
/// large and its model small (docs/benchmarks/peers.md). So blocks below 64 MiB come from heaps. A training step frees its activations and
/// takes as much again, so the process keeps all of their memory while it trains (docs/benchmarks/trainer.md). What the environment says
/// of the allocator comes first.
/// </remarks>
internal static partial class Allocator
{
    private const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3;

    private const int Never = -1, DefaultTopPad = 128 << 10;

    /// <summary>Blocks from here on come from the system and return to it. The heaps of all threads but the first are no larger.</summary>
    private const int LargestShared = 64 << 20;

    /// <summary>The most that older versions of glibc take as that bound.</summary>
    private const int LargestSharedBefore = 32 << 20;

    private static readonly Lock s_lock = new();
    private static int s_numTrainings;

    /// <summary>Whether the environment says anything of the allocator: then nothing is changed.</summary>
    public static bool IsSetByEnvironment { get; } = Environment.GetEnvironmentVariables().Keys.Cast<string>()
        .Any(name => name.StartsWith("MALLOC_", StringComparison.Ordinal) || name == "GLIBC_TUNABLES");

    /// <summary>Whether libtorch is loaded and glibc took the bound of 64 MiB.</summary>
    public static bool SharesLargeBlocks { get; private set; }

    /// <summary>Lets the blocks of passes come from heaps. A heap of a thread that is wholly free may still return to the system.</summary>
    public static void Apply()
    {
        lock (s_lock)
        {
            if (IsSetByEnvironment)
                return;
            SharesLargeBlocks = SetOption(MmapThreshold, LargestShared) != 0;
            if (!SharesLargeBlocks)
                _ = SetOption(MmapThreshold, LargestSharedBefore);
            SetFree(s_numTrainings > 0);
        }
    }

    /// <summary>Keeps freed memory until the result is disposed of; then what is free returns to the system.</summary>
    public static IDisposable KeepMemory()
    {
        ChangeTrainings(1);
        return new Keeping();
    }

    private static void ChangeTrainings(int change)
    {
        lock (s_lock)
        {
            s_numTrainings += change;
            if (IsSetByEnvironment)
                return;
            SetFree(s_numTrainings > 0);
            if (s_numTrainings == 0)
                _ = Trim(0);
        }
    }

    /// <summary>How much free memory stays at the end of a heap, and by how much more than needed a heap grows.</summary>
    private static void SetFree(bool isTraining)
    {
        _ = SetOption(TrimThreshold, isTraining ? Never : 2 * LargestShared);
        _ = SetOption(TopPad, isTraining ? 64 << 20 : DefaultTopPad);
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
                ChangeTrainings(-1);
        }
    }
}
