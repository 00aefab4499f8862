using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Benchmarks.Pipeline;

/// <summary>What the service adds to the model's time, and what planning and finishing take.</summary>
internal static class PipelineBenchmark
{
    /// <param name="lines">Of the batch that runs through everything; 0 leaves it out.</param>
    /// <param name="gap">Tokens that each of its lines asks for.</param>
    /// <param name="sizes">Lines of the files that are planned and finished; 0 is left out.</param>
    /// <param name="documents">Documents of the folders that are.</param>
    public static async Task RunAsync(
        int lines, int gap, IReadOnlyList<int> sizes, IReadOnlyList<int> documents, FileInfo? json, CancellationToken cancellation)
    {
        var overhead = lines > 0 ? await OverheadBenchmark.RunAsync(lines, gap, cancellation) : null;
        if (overhead is not null)
        {
            Console.WriteLine(
                $"{lines} lines of {gap} tokens in {overhead.NumShards} shards: {overhead.WallSeconds:F1} s, of which the model computed "
                + $"{overhead.ModelSeconds:F1} s: {overhead.Share:P1} more");
            Console.WriteLine("| where the rest goes | seconds | of the model's time |\n| --- | --- | --- |");
            foreach (var (name, seconds) in overhead.Profile)
                Console.WriteLine($"| {name} | {seconds:F2} | {seconds / overhead.ModelSeconds:P1} |");
        }
        var files = await MeasureAsync("lines", sizes, StagesBenchmark.CreateFileAsync, cancellation);
        var folders = await MeasureAsync("documents", documents, StagesBenchmark.CreateFolderAsync, cancellation);
        if (json is not null)
        {
            var overheads = overhead?.Profile
                .Select(entry => new { Where = entry.Key, Seconds = entry.Value, Share = entry.Value / overhead.ModelSeconds });
            ResultFile.Write(json.FullName, new { overhead = overheads, files = files.Select(Row), folders = folders.Select(Row) });
        }
    }

    private static object Row(StageMeasurement stage) => new
    {
        stage.Lines,
        stage.Stage,
        stage.Seconds,
        Microseconds = MicrosecondsEach(stage),
        stage.ProcessorSeconds,
        PeakMegabytes = stage.PeakBytes / 1e6,
    };

    private static double MicrosecondsEach(StageMeasurement stage) => stage.Seconds / stage.Lines * 1e6;

    private static async Task<List<StageMeasurement>> MeasureAsync(
        string of, IReadOnlyList<int> sizes, Func<StorageAccount, int, CancellationToken, Task<BatchRecord>> create,
            CancellationToken cancellation)
    {
        List<StageMeasurement> stages = [];
        int[] measured = [.. sizes.Where(size => size > 0)];
        if (measured.Length == 0)
            return stages;
        Console.WriteLine(
            $"\n| {of} | stage | seconds | microseconds each | processor, seconds | peak memory, MB |\n| --- | --- | --- | --- | --- | "
            + $"--- |");
        await foreach (var stage in StagesBenchmark.RunAsync(measured, create, cancellation))
        {
            stages.Add(stage);
            Console.WriteLine(
                $"| {stage.Lines:N0} | {stage.Stage} | {stage.Seconds:F2} | {MicrosecondsEach(stage):F0} | {stage.ProcessorSeconds:F2} | "
                + $"{stage.PeakBytes / 1e6:F0} |");
        }
        return stages;
    }
}
