using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using LLaDA.Batch.Functions.Hosting.Local;
using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Tests.Hosting;

/// <summary>
/// A queue trigger at the full concurrency of the host, each message with a window that is full and has lines as long as they may be, in a
/// process that takes half of an instance for the whole machine.
/// </summary>
/// <remarks>Flex Consumption scales each queue trigger by itself, so that planning and finishing do not share an instance.</remarks>
public sealed partial class HostMemoryTests(StorageFixture fixture)
{
    /// <summary>Of an instance; the rest is the Functions host's and the system's.</summary>
    private const double ProcessShare = 0.5;

    private const string PeakFile = "LLADA_PEAK_FILE";
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Plans_and_finishes_at_full_concurrency_fit_an_instance()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The peak of a process is read from /proc");
        string file = Path.GetTempFileName();
        try
        {
            var start = new ProcessStartInfo(
                "dotnet", [typeof(HostMemoryTests).Assembly.Location, "-class", typeof(HostMemoryTests).FullName!, "-explicit", "only"])
                { RedirectStandardOutput = true };
            start.Environment[PeakFile] = file;
            start.Environment["DOTNET_GCTotalPhysicalMemory"] =
                string.Create(CultureInfo.InvariantCulture, $"0x{(long)(ProcessShare * InstanceBytes()):x}");
            using var process = Process.Start(start)!;
            using var limit = new CancellationTokenSource(s_limit);
            string said = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);

            Assert.True(process.ExitCode == 0, said);
            long[] peaks = [
                .. (await File.ReadAllTextAsync(file, limit.Token)).Split(' ')
                .Select(peak => long.Parse(peak, CultureInfo.InvariantCulture))];
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"planning {peaks[0] >> 20} MB, finishing {peaks[1] >> 20} MB of {InstanceBytes() >> 20}");
            Assert.All(peaks, peak => Assert.InRange(peak, 1, (long)(ProcessShare * InstanceBytes())));
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>What the process of the test above does.</summary>
    [Fact(Explicit = true)]
    public async Task Full_concurrency()
    {
        await using var plane = await ControlPlane.StartAsync(fixture);
        int concurrency = TriggerService.Defaults.Concurrency;
        List<BatchRecord> planned = [], finished = [];
        byte[] input = Input();
        for (int index = 0; index < concurrency; index++)
        {
            planned.Add(await plane.CreatedAsync(input));
            var batch = await plane.CreatedAsync(input);
            await plane.PlanAsync(batch);
            await AnswerAsync(plane, batch);
            finished.Add(batch);
        }

        input = [];
        long planning = await PeakAsync(planned, plane.PlanAsync), finishing = await PeakAsync(finished, plane.FinishAsync);

        foreach (var batch in planned)
            Assert.Equal(BatchStatus.InProgress, (await plane.ReloadAsync(batch)).Status);
        foreach (var batch in finished)
            Assert.Equal(BatchStatus.Completed, (await plane.ReloadAsync(batch)).Status);
        await File.WriteAllTextAsync(
            Environment.GetEnvironmentVariable(PeakFile)!, string.Create(CultureInfo.InvariantCulture, $"{planning} {finishing}"));
    }

    /// <returns>The peak of the working set, in bytes, while all batches are worked on at once.</returns>
    private static async Task<long> PeakAsync(IEnumerable<BatchRecord> batches, Func<BatchRecord, Task> work)
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        await File.WriteAllTextAsync("/proc/self/clear_refs", "5");     // the peak begins anew
        await Task.WhenAll(batches.Select(batch => Task.Run(() => work(batch))));
        return 1024 * long.Parse(
            PeakKilobytes().Match(await File.ReadAllTextAsync("/proc/self/status")).Groups["kb"].Value, CultureInfo.InvariantCulture);
    }

    /// <summary>More than the 32 MB of a window, some of it in lines that are all but too long.</summary>
    private static byte[] Input()
    {
        int longest = new ServiceLimits().MaxLineBytes - 1024;
        int[] sizes = [longest, .. Enumerable.Repeat(1 << 20, 8), longest, longest];
        // Line by line: what the test itself takes at a time counts as well.
        using var input = new MemoryStream(sizes.Sum() + (1 << 20));
        foreach (var (index, size) in sizes.Index())
            input.Write(Encoding.UTF8.GetBytes(ControlPlane.Line($"id-{index}", new string('x', size) + " [MASK:2]") + "\n"));
        return input.ToArray();
    }

    /// <summary>Answers as long as their requests.</summary>
    private static async Task AnswerAsync(ControlPlane plane, BatchRecord batch)
    {
        var blobs = plane.Blobs(batch);
        var plan = (await blobs.FindPlanAsync(CancellationToken.None))!;
        for (int shard = 0; shard < plan.Shards.Count; shard++)
        {
            var lines = await blobs.Shards.ReadAsync(plan.PlanId, shard, CancellationToken.None);
            await blobs.Parts.WriteAsync(
                shard, [.. lines
                .Select(line =>
                    new PartLine(line.Line, false, $$"""{"custom_id":"{{line.CustomId}}","response":{{line.Body.GetRawText()}}}"""))],
                    new PartCounts(lines.Count, 0, 1, 1), CancellationToken.None);
        }
    }

    /// <summary>The smallest instance that is deployed without another choice.</summary>
    private static long InstanceBytes()
    {
        string root = Repository.Root;
        return long.Parse(
            InstanceMemory().Match(File.ReadAllText(Path.Combine(root, "infra", "main.bicep"))).Groups["mb"].Value,
            CultureInfo.InvariantCulture) << 20;
    }

    [GeneratedRegex(
        @"^param instanceMemory int = (?<mb>\d+)", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex InstanceMemory();

    [GeneratedRegex(@"^VmHWM:\s+(?<kb>\d+) kB", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PeakKilobytes();
}
