using System.CommandLine;

namespace LLaDA.Batch.Benchmarks.Fairness;

/// <summary>The command <c>fairness</c>.</summary>
internal static class FairnessCommand
{
    public static Command Create(Option<FileInfo?> json)
    {
        var scenarios = new Option<string[]>("--scenarios")
        {
            Description = "Parts of the names of scenarios; none for all",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
        };
        var requests = new Option<int>("--requests") { Description = "Of the victim in each scenario", DefaultValueFactory = _ => 100 };
        var headStart = new Option<int>("--head-start")
        {
            Description = "Seconds for which the attacks run before the victim's first request",
            DefaultValueFactory = _ => 30,
        };
        var command = new Command("fairness", "What a tenant's small requests wait for beside the largest work of another tenant")
            { scenarios, requests, headStart, json };
        command.SetAction((parse, cancellation) => FairnessBenchmark.RunAsync(
            parse.GetValue(scenarios)!,
            parse.GetValue(requests),
            TimeSpan.FromSeconds(parse.GetValue(headStart)),
            parse.GetValue(json),
            cancellation));
        return command;
    }
}
