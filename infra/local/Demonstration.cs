using System.Diagnostics;
using LLaDA.Batch.Shared.Storage;
using Spectre.Console;

namespace LLaDA.Batch.Local;

/// <summary>Fills the sample documents through the public REST API. Shows the fills, the blobs and the time of each stage.</summary>
internal static class Demonstration
{
    /// <exception cref="StackException">The folder of the user cannot be created.</exception>
    public static string DefaultDataFolder() => Path.Combine(Folders.Cache(), "demo");

    public static async Task RunAsync(LocalStackOptions options, CancellationToken cancellation)
    {
        var samples = Samples.Read();
        List<(string Stage, TimeSpan Time)> stages = [];
        async Task<T> TimedAsync<T>(string stage, Func<Task<T>> work)
        {
            long started = Stopwatch.GetTimestamp();
            var result = await work();
            stages.Add((stage, Stopwatch.GetElapsedTime(started)));
            return result;
        }

        int numGaps = samples.Sum(sample => sample.NumGaps);
        AnsiConsole.MarkupLineInterpolated($"[bold]LLaDA.Batch[/]: {samples.Count} documents with {numGaps} gaps");
        await using var stack = await TimedAsync("start Azurite, functions and worker", () =>
            AnsiConsole.Status().StartAsync("Starting", status =>
                LocalStack.StartAsync(options, line => status.Status = Markup.Escape(line.Trim()), cancellation)));
        using var client = new BatchClient(stack.CreateClient());

        string model = (await client.ModelsAsync(cancellation))[0];
        string file = await TimedAsync("upload", () => client.UploadAsync(samples, model, cancellation));
        var batch = await AnsiConsole.Progress().AutoClear(true).StartAsync(async progress =>
        {
            var task = progress.AddTask("Filling gaps", maxValue: samples.Count);
            string id = await client.CreateAsync(file, cancellation);
            void ShowProgress(BatchState state) => task.Value = state.Completed + state.Failed;
            await TimedAsync("plan", () => client.WaitAsync(id, state => state.Status != "validating", _ => { }, cancellation));
            await TimedAsync("generate", () => client.WaitAsync(id, state => state.Status != "in_progress", ShowProgress, cancellation));
            return await TimedAsync("finish", () => client.WaitAsync(id, state => state.IsTerminal, _ => { }, cancellation));
        });
        if (batch is not { Status: "completed", OutputFileId: { } output, Failed: 0 })
        {
            string errors = batch.Errors ?? "see the error file";
            throw new StackException($"The batch is {batch.Status} with {batch.Failed} failed documents: {errors}");
        }
        var filled = await TimedAsync("download", () => client.DownloadAsync(output, cancellation));

        foreach (var sample in samples)
            Show(sample, filled[sample.Name]);
        await ShowBlobsAsync(stack, batch, cancellation);
        ShowTimes(stages, samples, batch);
    }

    private static void Show(Sample sample, IReadOnlyList<string> fills)
    {
        AnsiConsole.Write(new Rule($"[bold]{Markup.Escape(sample.Name)}[/]").LeftJustified());
        var text = new Paragraph();
        foreach (var (piece, isFill) in sample.WithFills(fills))
            text.Append(piece, isFill ? new Style(Color.Green, decoration: Decoration.Bold) : Style.Plain);
        AnsiConsole.Write(text);
        AnsiConsole.WriteLine();
    }

    private static async Task ShowBlobsAsync(LocalStack stack, BatchState batch, CancellationToken cancellation)
    {
        var storage = new StorageAccount(new StorageOptions { ConnectionString = stack.ConnectionString });
        string[] keys = [.. new[] { batch.Id, batch.InputFileId, batch.OutputFileId! }.Select(id => id[(id.IndexOfAny(['_', '-']) + 1)..])];
        var table = new Table().Title($"[bold]Blobs[/] (kept in {Markup.Escape(stack.DataFolder)})")
            .AddColumn("Container").AddColumn("Name").AddColumn(new TableColumn("Bytes").RightAligned());
        foreach (string container in StorageNames.Containers)
        {
            await foreach (var blob in storage.Container(container).GetBlobsAsync(cancellationToken: cancellation))
            {
                if (Array.Exists(keys, key => blob.Name.Contains(key, StringComparison.Ordinal)))
                    table.AddRow(container, Markup.Escape(blob.Name), $"{blob.Properties.ContentLength:N0}");
            }
        }
        AnsiConsole.Write(table);
    }

    private static void ShowTimes(IReadOnlyList<(string Stage, TimeSpan Time)> stages, IReadOnlyList<Sample> samples, BatchState batch)
    {
        var table = new Table().Title("[bold]Time[/]").AddColumn("Stage").AddColumn(new TableColumn("Seconds").RightAligned());
        foreach (var (stage, time) in stages)
            table.AddRow(stage, $"{time.TotalSeconds:F2}");
        AnsiConsole.Write(table);
        int numGaps = samples.Sum(sample => sample.NumGaps);
        AnsiConsole.MarkupLineInterpolated($"{numGaps} gaps in {samples.Count} documents filled with {batch.OutputTokens} tokens");
    }
}
