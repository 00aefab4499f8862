using System.CommandLine;

namespace LLaDA.Batch.Benchmarks.Reversal;

/// <summary>The command <c>reversal</c>.</summary>
internal static class ReversalCommand
{
    public static Command Create()
    {
        var defaults = new ReversalSettings();
        var folder = new Option<DirectoryInfo>("--run")
            { Description = "Folder of both runs; an interrupted run resumes", Required = true };
        Option<int> Number(string name, string description, int value) =>
            new(name) { Description = description, DefaultValueFactory = _ => value };
        var facts = Number("--facts", "People told of in one order only", defaults.NumFacts);
        var taught = Number("--taught", "Others, told of in both orders", defaults.NumTaught);
        var width = Number("--width", "Width of the network", defaults.Width);
        var layers = Number("--layers", "Layers of the network", defaults.NumLayers);
        var batch = Number("--batch-size", "Sentences of a step", defaults.BatchSize);
        var steps = Number("--steps", "Steps of the diffusion model", defaults.Steps);
        var twinSteps = Number("--twin-steps", "Steps of the twin", defaults.TwinSteps);
        var seed = Number("--seed", "Of people, weights, order and noise", defaults.Seed);
        var rate = new Option<double>("--learning-rate") { DefaultValueFactory = _ => defaults.LearningRate };
        var only = new Option<string?>("--only") { Description = "diffusion or twin, instead of both" };
        only.AcceptOnlyFromAmong("diffusion", "twin");
        var command = new Command("reversal", "Facts told in one order and asked in both: the diffusion model and its autoregressive twin")
        {
            folder, facts, taught, width, layers, batch, steps, twinSteps, seed, rate, only,
        };
        command.SetAction((parse, cancellation) => Task.Run(() => ReversalBenchmark.Run(
            parse.GetRequiredValue(folder).FullName,
            new ReversalSettings
            {
                NumFacts = parse.GetValue(facts),
                NumTaught = parse.GetValue(taught),
                Width = parse.GetValue(width),
                NumLayers = parse.GetValue(layers),
                BatchSize = parse.GetValue(batch),
                LearningRate = parse.GetValue(rate),
                Steps = parse.GetValue(steps),
                TwinSteps = parse.GetValue(twinSteps),
                Seed = parse.GetValue(seed),
            },
            parse.GetValue(only) is not "twin", parse.GetValue(only) is not "diffusion", cancellation), cancellation));
        return command;
    }
}
