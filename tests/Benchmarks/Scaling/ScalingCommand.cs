using System.CommandLine;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Text;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Scaling;

/// <summary>The command <c>scaling</c>.</summary>
internal static class ScalingCommand
{
    private const int SequenceLength = 128;

    /// <param name="model">Whose tokenizer is used.</param>
    public static Command Create(Option<DirectoryInfo> model, Option<FileInfo?> json)
    {
        var folder = new Option<DirectoryInfo>(
            "--out") { Description = "Folder of the runs, their models and scaling.svg; an interrupted run resumes", Required = true };
        var corpus = new Option<DirectoryInfo>(
            "--corpus")
                { Description = "Folder with train.jsonl and validation.jsonl, as `llada-train corpus` writes them", Required = true };
        var steps = Counted("--steps", "Of each of the eight models", 1500);
        var batchSize = Counted("--batch-size", $"Sequences of {SequenceLength} tokens in a step", 16);
        var points = Counted("--points", "How often the loss on held-out text is measured", 5);
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var isOnGpu = new Option<bool>("--cuda") { Description = "On the graphics card" };
        var command = new Command(
            "scaling",
            "Held-out loss against training FLOPs, of a diffusion model and its autoregressive twin in four sizes, all on the same tokens")
        {
            model, folder, corpus, steps, batchSize, points, seed, isOnGpu, json,
        };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            string tokenizerFolder = parse.GetRequiredValue(model).FullName, output = parse.GetRequiredValue(folder).FullName;
            var tokenizer = new LLaDATokenizer(tokenizerFolder);
            var recipe = new ScalingRecipe(
                parse.GetValue(steps), parse.GetValue(batchSize), SequenceLength, parse.GetValue(points), parse.GetValue(seed));
            TokenSequences Sequences(string file) =>
                new(TokenFile.Encode(tokenizer, TextDocuments.Read(Path.Combine(parse.GetRequiredValue(corpus).FullName, file))).ToArray(),
                SequenceLength, recipe.Seed);
            using var training = Sequences("train.jsonl");
            using var heldOut = Sequences("validation.jsonl");
            List<Scaled> models = [];
            foreach (var scaled in new ScalingBenchmark(
                output, tokenizerFolder, training, heldOut, recipe, parse.GetValue(isOnGpu) ? CUDA : CPU).Run(cancellation))
            {
                models.Add(scaled);
                var report = new ScalingReport(recipe, models);
                WholeFile.Write(Path.Combine(output, "scaling.svg"), report.Chart());
                WholeFile.Write(Path.Combine(output, "scaling.md"), report.Table());
                if (parse.GetValue(json) is { } file)
                    ResultFile.Write(file.FullName, report.Rows());
            }
            Console.Write(File.ReadAllText(Path.Combine(output, "scaling.md")));
        }, cancellation));
        return command;
    }

    private static Option<int> Counted(string name, string description, int standard)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => standard };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError($"{name} must be at least 1");
        });
        return option;
    }
}
