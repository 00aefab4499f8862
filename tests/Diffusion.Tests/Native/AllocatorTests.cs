using System.Globalization;
using System.Runtime.InteropServices;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Native;

/// <summary>Alone, since it reads the memory of the whole process.</summary>
[Collection<AloneCollection>]
public sealed partial class AllocatorTests
{
    private const int NumBlocks = 20, BlockBytes = 20_000_000;

    [Fact]
    public void Memory_stays_during_a_training_and_returns_after_the_last()
    {
        Assert.SkipWhen(Allocator.IsSetByEnvironment, "The environment sets the allocator");
        long before, during;
        using (Allocator.KeepMemory())
        {
            var second = Allocator.KeepMemory();
            before = ResidentBytes();
            using (NewDisposeScope())
                _ = Enumerable.Range(0, NumBlocks).Select(_ => ones(BlockBytes / 4)).ToArray();
            second.Dispose();
            second.Dispose();
            during = ResidentBytes();
        }

        const long half = (long)NumBlocks * BlockBytes / 2;
        Assert.InRange(during - before, half, long.MaxValue);
        Assert.InRange(ResidentBytes() - before, long.MinValue, half);
    }

    [Fact]
    public void A_block_as_a_pass_takes_it_comes_from_a_heap_and_a_larger_one_from_the_system()
    {
        Assert.SkipWhen(Allocator.IsSetByEnvironment, "The environment sets the allocator");
        LibTorch.Load();
        Assert.SkipUnless(Allocator.SharesLargeBlocks, "This glibc takes no such bound");
        using var scope = NewDisposeScope();
        long MappedBy(int numBytes)
        {
            nuint before = Statistics().Mapped;
            _ = ones(numBytes / 4);
            return (long)(Statistics().Mapped - before);
        }

        Assert.Equal(0, MappedBy(34_000_000));
        Assert.InRange(MappedBy(100_000_000), 100_000_000, 101_000_000);
    }

    [LibraryImport("libc", EntryPoint = "mallinfo2")]
    private static partial MallInfo Statistics();

    /// <param name="Mapped">Bytes in blocks that come from the system one by one, hblkhd.</param>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct MallInfo(
        nuint Arena, nuint NumFree, nuint NumSmall, nuint NumMapped, nuint Mapped, nuint Unused, nuint Small, nuint Used, nuint Free,
        nuint Top);

    private static long ResidentBytes() => 1024 * long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmRSS", StringComparison.Ordinal))
        .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
}

[CollectionDefinition(DisableParallelization = true)]
public sealed class AloneCollection;
