using System.CommandLine;

namespace LLaDA.Batch.Benchmarks.InContext;

/// <summary>The command <c>in-context</c>.</summary>
internal static class InContextCommand
{
    public static Command Create(Option<FileInfo?> json)
    {
        var defaults = new InContextSettings();
        var folder = new Option<DirectoryInfo>("--run") { Description = "Folder of all runs; an interrupted run resumes", Required = true };
        Option<int> Number(string name, string description, int value) =>
            new(name) { Description = description, DefaultValueFactory = _ => value };
        var steps = Number("--steps", "Steps of each model", defaults.Steps);
        var questions = Number("--questions", "Questions for each number of pairs shown", defaults.NumQuestions);
        var seed = Number("--seed", "Of rows, weights, order, noise and questions", defaults.Seed);
        var tasks = new Option<string[]>("--tasks")
        {
            Description = "recall or maps, instead of both",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [],
        };
        var command = new Command("in-context", "Tasks told by examples alone: the diffusion model and its autoregressive twin")
        {
            folder, steps, questions, seed, tasks, json,
        };
        command.SetAction((parse, cancellation) => Task.Run(() => InContextBenchmark.Run(
            parse.GetRequiredValue(folder).FullName,
            defaults with
            {
                Steps = parse.GetValue(steps),
                NumQuestions = parse.GetValue(questions),
                Seed = parse.GetValue(seed),
            },
            parse.GetValue(tasks)!,
            parse.GetValue(json),
            cancellation), cancellation));
        return command;
    }
}
