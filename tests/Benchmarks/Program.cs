using System.CommandLine;
using LLaDA.Batch.Benchmarks;
using LLaDA.Batch.Benchmarks.Sampling;
using LLaDA.Batch.Benchmarks.Tasks;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Text;

LibTorch.Load();
string baseModel = Path.Combine(Repository.Root, "gpu-worker", "models", "llada-tiny-base");
string lookupModel = Path.Combine(Repository.Root, "artifacts", "benchmarks", "lookup");

var minutes = new Option<double>("--minutes") { Description = "How long to train", DefaultValueFactory = _ => 30 };
var train = new Command("lookup", "Fine-tunes the bundled base model on dictionary lookup, which `sampler` measures") { minutes };
train.SetAction(parse =>
{
    using var model = Checkpoint.Load(baseModel, TorchSharp.torch.CPU, TorchSharp.torch.ScalarType.Float32, TorchSharp.torch.ScalarType.BFloat16);
    var tokenizer = new LLaDATokenizer(baseModel);
    Directory.CreateDirectory(lookupModel);
    foreach (string file in Directory.GetFiles(baseModel, "tokenizer*.json"))
        File.Copy(file, Path.Combine(lookupModel, Path.GetFileName(file)), overwrite: true);
    LookupTraining.Run(model, new LookupTask(tokenizer, Repository.Glosses), lookupModel, TimeSpan.FromMinutes(parse.GetValue(minutes)));
});

var prompts = new Option<int>("--prompts") { Description = "Prompts to judge by exact match", DefaultValueFactory = _ => 300 };
var timed = new Option<int>("--timed") { Description = "Prompts to time each setting on", DefaultValueFactory = _ => 16 };
var json = new Option<FileInfo?>("--json") { Description = "Also writes the table as JSON" };
var sampler = new Command("sampler", "The official loop against every setting of ours") { prompts, timed, json };
sampler.SetAction(parse =>
{
    if (!File.Exists(Path.Combine(lookupModel, Checkpoint.ConfigFile)))
    {
        Console.Error.WriteLine("There is no model for this benchmark yet: run the command 'lookup' first");
        return 1;
    }
    SamplerBenchmark.Run(lookupModel, parse.GetValue(prompts), parse.GetValue(timed), parse.GetValue(json));
    return 0;
});

var count = new Option<int>("--rows") { DefaultValueFactory = _ => 10_000 };
var rows = new Command("rows", "How often a row's tokens differ between running alone and among others") { count };
rows.SetAction(parse => RowsBenchmark.RunAsync(baseModel, parse.GetValue(count)));

return await new RootCommand("Measures LLaDA.Batch") { train, sampler, rows }.Parse(args).InvokeAsync();
