using System.CommandLine;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Batch.Testing.Fuzzing;

namespace LLaDA.Batch.Benchmarks.Hostile;

/// <summary>Mutated model files and requests, in this process: each is read or refused with a sentence.</summary>
internal static class FuzzCommand
{
    private sealed record Row(string Target, long Inputs, long Refused, long MaxKilobytes, double MaxMilliseconds, int Findings);

    private const int MaxShown = 1_000;

    public static Command Create(Option<int> seed, Option<FileInfo?> json)
    {
        var seconds = new Option<double>("--seconds") { Description = "For each target", DefaultValueFactory = _ => 60 };
        var targets = new Option<string?>("--target") { Description = "Only targets whose names contain this" };
        var first = new Option<long>("--first") { Description = "Number of the first input" };
        var count = new Option<long>("--inputs") { Description = "At most, for each target", DefaultValueFactory = _ => long.MaxValue / 2 };
        var command = new Command("fuzz", "Mutated model files and requests: each must be read or refused with a sentence")
        {
            seconds, targets, first, count, seed, json,
        };
        command.SetAction((parse, cancellation) =>
        {
            using var model = new TinyModel();
            using var files = new ModelFileTargets(Path.Combine(model.Folder, TinyModel.Id));
            List<Row> rows = [];
            foreach (var target in files.All.Concat(RequestTargets.All(model.Loaded)))
            {
                if (parse.GetValue(targets) is { } only && !target.Name.Contains(only, StringComparison.Ordinal))
                    continue;
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                limit.CancelAfter(TimeSpan.FromSeconds(parse.GetValue(seconds)));
                var result = new Fuzzer(target, parse.GetValue(seed)).Run(parse.GetValue(first), parse.GetValue(count), limit.Token);
                Console.WriteLine(
                    $"{result.Target}: {result.Inputs:N0} inputs in {result.Seconds:F0} s, {result.Refused:N0} refused, at most "
                    + $"{result.MaxBytes >> 10:N0} KB and {result.MaxSeconds * 1000:F0} ms, {result.Findings.Count} findings");
                foreach (var finding in result.Findings)
                    Console.WriteLine($"  input {finding.Number}: {Shown(finding.Fault)}");
                rows.Add(new Row(
                    result.Target, result.Inputs, result.Refused, result.MaxBytes >> 10, Math.Round(result.MaxSeconds * 1000),
                    result.Findings.Count));
            }
            if (parse.GetValue(json) is { } file)
                ResultFile.Write(file.FullName, rows);
            return Task.FromResult(rows.Sum(row => row.Findings) == 0 ? 0 : 1);
        });
        return command;
    }

    private static string Shown(string fault) => fault.Length <= MaxShown ? fault : fault[..MaxShown] + "...";
}
