using System.Diagnostics;
using System.Text;
using System.Text.Json;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Answers;
using LLaDA.Batch.Client.Batches;
using LLaDA.Batch.Client.Wire;
using LLaDA.Batch.Terminal;

namespace LLaDA.Batch.Local;

/// <summary>Fills documents through the public REST API as one batch, and shows how their masks became text.</summary>
internal sealed class Demonstration(LLaDAClient client, Screen screen, TimeProvider time)
{
    private const string Endpoint = "/v1/infill";

    /// <summary>Pictures of a document, the first with all of its masks and the last with none.</summary>
    private const int MaxFrames = 5;

    private static readonly TimeSpan s_frameTime = TimeSpan.FromMilliseconds(120);

    private readonly Redrawn _redrawn = new(screen);

    /// <exception cref="StackException">The folder of the user cannot be created.</exception>
    public static string DefaultDataFolder() => Path.Combine(Folders.Cache(), "demo");

    /// <exception cref="StackException">The documents cannot be filled.</exception>
    /// <exception cref="ServiceException">The API refuses a request.</exception>
    public async Task RunAsync(IReadOnlyList<Sample> samples, CancellationToken cancellation)
    {
        int numGaps = samples.Sum(sample => sample.NumGaps);
        screen.Output.WriteLine($"{samples.Count} documents with {numGaps} gaps");
        long started = Stopwatch.GetTimestamp();
        var filled = await FillAsync(samples, cancellation);
        var filling = Stopwatch.GetElapsedTime(started);
        foreach (var sample in samples)
            await ShowAsync(sample, filled[sample.Name].Spans, cancellation);
        int numTokens = filled.Values.Sum(answer => answer.Spans.Sum(span => span.Tokens));
        screen.Output.WriteLine(
            $"{numGaps} gaps in {samples.Count} documents filled with {numTokens} tokens in {filling.TotalSeconds:F1} s");
    }

    /// <returns>The answers by the names of the samples.</returns>
    private async Task<Dictionary<string, InfillAnswer>> FillAsync(IReadOnlyList<Sample> samples, CancellationToken cancellation)
    {
        string model = (await client.ListModelsAsync(cancellation).FirstAsync(cancellation)).Id;
        var lines = samples.Select(sample => JsonSerializer.Serialize(new
        {
            custom_id = sample.Name,
            method = "POST",
            url = Endpoint,
            body = new { model, text = sample.Text, trace = true },
        }));
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines)));
        var file = await client.Files.UploadAsync(content, "samples.jsonl", "batch", cancellation);
        var batch = await client.Batches.CreateAsync(new BatchRequest { Endpoint = Endpoint, InputFileId = file.Id }, cancellation);
        batch = await client.Batches.WaitAsync(batch.Id, ShowProgress, cancellation);
        _redrawn.Clear();

        Dictionary<string, InfillAnswer> answers = [];
        string? failure = batch.Errors?.Data.FirstOrDefault()?.Message;
        await foreach (var line in client.Batches.ResultsAsync(batch.Id, cancellation: cancellation))
        {
            if (line.Answer<InfillAnswer>() is { } answer)
                answers[line.CustomId] = answer;
            failure ??= line.Failure;
        }
        return answers.Count == samples.Count
            ? answers
            : throw new StackException(
                $"{samples.Count - answers.Count} documents were not filled: {failure ?? $"the batch is {batch.Status}"}");
    }

    private void ShowProgress(BatchJob batch) =>
        _redrawn.Show(new Stretch(
            $"{batch.Status.Replace('_', ' ')}, {batch.RequestCounts.Completed} of {batch.RequestCounts.Total} filled"));

    private async Task ShowAsync(Sample sample, IReadOnlyList<InfillSpan> fills, CancellationToken cancellation)
    {
        int numSteps = fills.SelectMany(fill => fill.Trace!.Tokens).Select(token => token.Step).DefaultIfEmpty().Max();
        string line = $"── {sample.Name} ".PadRight(screen.Width - 1, '─');
        Write(new Stretch(line, Styles.Faint));
        if (screen.IsTerminal)
        {
            foreach (int step in Enumerable.Range(0, MaxFrames).Select(frame => frame * numSteps / (MaxFrames - 1)).Distinct())
            {
                _redrawn.Show(sample.After(step, fills));
                await Task.Delay(s_frameTime, time, cancellation);
            }
            _redrawn.Clear();
        }
        Write([.. sample.After(numSteps + 1, fills)]);
    }

    private void Write(params IEnumerable<Stretch> text)
    {
        foreach (string row in TerminalRows.Of(text, screen.Width - 1, screen.HasColors))
            screen.Output.WriteLine(row);
    }
}
