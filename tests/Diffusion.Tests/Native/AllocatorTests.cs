using System.Globalization;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Native;

/// <summary>Alone, since it reads the memory of the whole process.</summary>
[Collection<AloneCollection>]
public sealed class AllocatorTests
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

    private static long ResidentBytes() => 1024 * long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmRSS", StringComparison.Ordinal))
        .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
}

[CollectionDefinition(DisableParallelization = true)]
public sealed class AloneCollection;
