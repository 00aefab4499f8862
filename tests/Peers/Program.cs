using System.CommandLine;
using LLaDA.Batch.Peers;
using LLaDA.Diffusion.Native;

LibTorch.Load();
var models = new Option<string[]>("--models")
{
    Description = "Names of models: tiny, 100M, 500M",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => ["tiny", "100M", "500M"],
};
var threads = new Option<int>("--threads") { Description = "Threads of every peer", DefaultValueFactory = _ => 1 };
var bundled = new Option<DirectoryInfo>("--tiny")
{
    Description = "Folder of the bundled model",
    DefaultValueFactory = _ => new DirectoryInfo(Path.Combine("gpu-worker", "models", "llada-tiny-base")),
};
var library = new Option<DirectoryInfo?>("--library")
{
    Description = "Folder of another build of llama.cpp; its version must be nearly that of LLamaSharp's package",
};
var json = new Option<FileInfo?>("--json") { Description = "Also writes the results as JSON, as tests/Benchmarks/results keeps them" };
var command = new RootCommand("The same weights in LLaDA.Batch and in llama.cpp, in one run") { models, threads, bundled, library, json };
command.SetAction(parse =>
{
    LlamaLibrary.Load(parse.GetValue(library)?.FullName);
    PeersBenchmark.Run(parse.GetValue(models)!, parse.GetValue(threads), parse.GetValue(bundled)!.FullName, parse.GetValue(json));
});
return await command.Parse(args).InvokeAsync();
