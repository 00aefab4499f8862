using System.CommandLine;

namespace LLaDA.Batch.Benchmarks.Now;

/// <summary>The command <c>crowd</c>.</summary>
internal static class CrowdCommand
{
    public static Command Create(Option<FileInfo?> json)
    {
        var connections = new Option<int[]>("--connections")
        {
            Description = "Requests of the crowd at the same time, one scenario each",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [64, 300],
        };
        var requests = new Option<int>("--requests") { Description = "Of the victim in each scenario", DefaultValueFactory = _ => 40 };
        var headStart = new Option<int>("--head-start")
        {
            Description = "Seconds for which the crowd runs before the victim's first request",
            DefaultValueFactory = _ => 15,
        };
        var alone = new Option<int>("--alone")
        {
            Description = "Seconds for which the answers of the crowd alone are counted; 0 leaves it out",
            DefaultValueFactory = _ => 30,
        };
        var command = new Command("crowd", "What a tenant's answer at once waits for beside a crowd of them of another tenant")
            { connections, requests, headStart, alone, json };
        command.SetAction((parse, cancellation) => CrowdBenchmark.RunAsync(
            parse.GetValue(connections)!,
            parse.GetValue(requests),
            TimeSpan.FromSeconds(parse.GetValue(headStart)),
            TimeSpan.FromSeconds(parse.GetValue(alone)),
            parse.GetValue(json),
            cancellation));
        return command;
    }
}
