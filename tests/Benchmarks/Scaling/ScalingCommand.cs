using System.CommandLine;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Text;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Scaling;

/// <summary>The command <c>scaling</c>.</summary>
internal static class ScalingCommand
{
    public static Command Create(Option<DirectoryInfo> model)
    {
        var folder = new Option<DirectoryInfo>("--run") { Description = "Folder of the runs; what was interrupted goes on", Required = true };
        var corpus = new Option<DirectoryInfo>("--corpus") { Description = "Folder with train.jsonl and validation.jsonl, as `llada corpus` writes them", Required = true };
        var minutes = new Option<double>("--minutes") { Description = "For each of the eight models", DefaultValueFactory = _ => 10 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var isOnGpu = new Option<bool>("--cuda") { Description = "On the graphics card" };
        var command = new Command("scaling", "Loss against training FLOPs, of a diffusion model and its autoregressive twin in four sizes") { model, folder, corpus, minutes, seed, isOnGpu };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var tokenizer = new LLaDATokenizer(parse.GetRequiredValue(model).FullName);
            int[] Tokens(string file) => [.. TokenFile.Encode(tokenizer, TextDocuments.Read(Path.Combine(parse.GetRequiredValue(corpus).FullName, file)))];
            new ScalingBenchmark(parse.GetRequiredValue(folder).FullName, tokenizer, Tokens("train.jsonl"), Tokens("validation.jsonl"), parse.GetValue(minutes), parse.GetValue(seed), parse.GetValue(isOnGpu) ? CUDA : CPU).Run(cancellation);
        }, cancellation));
        return command;
    }
}
