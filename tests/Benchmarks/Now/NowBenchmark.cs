using System.CommandLine;
using LLaDA.Batch.Benchmarks.Tables;

namespace LLaDA.Batch.Benchmarks.Now;

/// <summary>Answers at once beside a batch: their latency, what the service adds to the model's time, and the batch's slow-down.</summary>
internal static class NowBenchmark
{
    private const int WarmupLines = 20, WarmupRequests = 3, NumPairs = 24;

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

        var idle = await PairsAsync(stack, () => Task.CompletedTask, cancellation);
        double alone = (await await stack.BeginBatchAsync(numLines, cancellation)).TotalSeconds;

        Task running = Task.CompletedTask;
        var beside = await PairsAsync(
            stack,
            async () =>
            {
                if (running.IsCompleted)
                    running = await stack.BeginBatchAsync(numLines, cancellation);
            },
            cancellation);
        await running;

        var bursting = await stack.BeginBatchAsync(numLines, cancellation);
        var burst = Latencies.Of(await Task.WhenAll(
            Enumerable.Range(0, numRequests).Select(number => stack.AskAsync(number, cancellation))));
        double withBurst = (await bursting).TotalSeconds;

        Row[] rows =
        [
            new("one at a time, nothing else running", idle),
            new($"one at a time, beside a batch of {numLines:N0} lines", beside),
            new($"{numRequests} at once, beside the batch", new Pairs(burst)),
        ];
        Console.WriteLine("| requests | 50 % ms | 95 % | 99 % | of the model, 50 % | added, 50 % |\n| --- | --- | --- | --- | --- | --- |");
        foreach (var row in rows)
        {
            Console.WriteLine(
                $"| {row.Requests} | {row.Times.Service} | {row.Times.Model?.At50.ToString("F0") ?? "-"} "
                + $"| {row.Times.Added?.At50.ToString("F0") ?? "-"} |");
        }
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

    /// <summary>Asks the service and the model at the same moment, so that both share every pass with whatever else runs.</summary>
    /// <param name="prepareAsync">Called before each pair.</param>
    private static async Task<Pairs> PairsAsync(NowStack stack, Func<Task> prepareAsync, CancellationToken cancellation)
    {
        List<TimeSpan> service = [], model = [];
        for (int number = 0; number < NumPairs; number++)
        {
            await prepareAsync();
            TimeSpan[] times = await Task.WhenAll(stack.AskAsync(number, cancellation), stack.AskModelAsync(number, cancellation));
            service.Add(times[0]);
            model.Add(times[1]);
        }
        return new Pairs(Latencies.Of(service), Latencies.Of(model), Latencies.Of(service.Zip(model, (ours, its) => ours - its)));
    }

    private static object Flat(Row row) => new
    {
        row.Requests,
        row.Times.Service.Count,
        row.Times.Service.At50,
        row.Times.Service.At95,
        row.Times.Service.At99,
        ModelAt50 = row.Times.Model?.At50,
        AddedAt50 = row.Times.Added?.At50,
        AddedAt95 = row.Times.Added?.At95,
    };

    private sealed record Row(string Requests, Pairs Times);

    /// <param name="Model">The same requests asked of the model itself; null where they were not.</param>
    /// <param name="Added">What the service took longer than the model, pair by pair.</param>
    private sealed record Pairs(Latencies Service, Latencies? Model = null, Latencies? Added = null);
}
