using System.CommandLine;
using LLaDA.Batch.Benchmarks.Tables;

namespace LLaDA.Batch.Benchmarks.Now;

/// <summary>Answers at once beside a batch: their latency, what the service adds to the model's time, and the batch's slow-down.</summary>
internal static class NowBenchmark
{
    private const int WarmupLines = 20, WarmupRequests = 3, MaxPairs = 24;

    public static Command Create(Option<FileInfo?> json)
    {
        var lines = new Option<int>("--lines") { Description = "Lines of the batch", DefaultValueFactory = _ => 1_000 };
        var requests = new Option<int>("--requests") { Description = "Requests at the same time", DefaultValueFactory = _ => 64 };
        var command = new Command("now", "Answers at once beside a batch: latency, overhead, and what they cost the batch")
            { lines, requests, json };
        command.SetAction((parse, cancellation) =>
            RunAsync(parse.GetValue(lines), parse.GetValue(requests), parse.GetValue(json), cancellation));
        return command;
    }

    private static async Task RunAsync(int numLines, int numRequests, FileInfo? json, CancellationToken cancellation)
    {
        await using var stack = await NowStack.StartAsync(cancellation);
        await await stack.BeginBatchAsync(WarmupLines, cancellation);
        for (int number = 0; number < WarmupRequests; number++)
            await stack.AskAsync(number, cancellation);

        var (idle, idleModel) = await PairsAsync(stack, until: null, cancellation);
        double alone = (await await stack.BeginBatchAsync(numLines, cancellation)).TotalSeconds;

        var running = await stack.BeginBatchAsync(numLines, cancellation);
        var (beside, besideModel) = await PairsAsync(stack, running, cancellation);
        await running;

        running = await stack.BeginBatchAsync(numLines, cancellation);
        var burst = Latencies.Of(await Task.WhenAll(
            Enumerable.Range(0, numRequests).Select(number => stack.AskAsync(number, cancellation))));
        double withBurst = (await running).TotalSeconds;

        Row[] rows =
        [
            new("one at a time, nothing else running", idle, idleModel),
            new($"one at a time, beside a batch of {numLines:N0} lines", beside, besideModel),
            new($"{numRequests} at once, beside the batch", burst, Model: null),
        ];
        Console.WriteLine("| requests | 50 % ms | 95 % ms | 99 % ms | of the model, 50 % ms |\n| --- | --- | --- | --- | --- |");
        foreach (var row in rows)
            Console.WriteLine($"| {row.Requests} | {row.Latency} | {row.Model?.At50.ToString("F0") ?? "-"} |");
        Console.WriteLine(
            $"\nThe batch alone took {alone:F1} s, with {numRequests} requests at once {withBurst:F1} s: "
            + $"{(withBurst / alone) - 1:P1} more");
        if (json is not null)
        {
            object[] batch =
            [
                new { Batch = "alone", Seconds = alone },
                new { Batch = $"with {numRequests} requests at once", Seconds = withBurst },
            ];
            ResultFile.Write(json.FullName, new { requests = rows.Select(Flat), batch });
        }
    }

    /// <summary>Asks the service and the model in turn, so that both meet the same load.</summary>
    /// <param name="until">Ends the measurement early.</param>
    private static async Task<(Latencies Service, Latencies Model)> PairsAsync(
        NowStack stack, Task? until, CancellationToken cancellation)
    {
        List<TimeSpan> service = [], model = [];
        for (int number = 0; number < MaxPairs && until is not { IsCompleted: true }; number++)
        {
            service.Add(await stack.AskAsync(number, cancellation));
            model.Add(await stack.AskModelAsync(number, cancellation));
        }
        return (Latencies.Of(service), Latencies.Of(model));
    }

    private static object Flat(Row row) => new
    {
        row.Requests,
        row.Latency.Count,
        row.Latency.At50,
        row.Latency.At95,
        row.Latency.At99,
        ModelAt50 = row.Model?.At50,
        AddedAt50 = row.Model is null ? null : row.Latency.At50 - row.Model?.At50,
    };

    /// <param name="Model">The same requests asked of the model itself; null where they were not.</param>
    private sealed record Row(string Requests, Latencies Latency, Latencies? Model);
}
