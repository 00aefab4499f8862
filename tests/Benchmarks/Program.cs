using System.CommandLine;
using LLaDA.Batch.Benchmarks;
using LLaDA.Batch.Benchmarks.Devices;
using LLaDA.Batch.Benchmarks.Fairness;
using LLaDA.Batch.Benchmarks.Faults;
using LLaDA.Batch.Benchmarks.Fits;
using LLaDA.Batch.Benchmarks.Gaps;
using LLaDA.Batch.Benchmarks.Hostile;
using LLaDA.Batch.Benchmarks.InContext;
using LLaDA.Batch.Benchmarks.Loading;
using LLaDA.Batch.Benchmarks.Now;
using LLaDA.Batch.Benchmarks.Pipeline;
using LLaDA.Batch.Benchmarks.Reversal;
using LLaDA.Batch.Benchmarks.Sampling;
using LLaDA.Batch.Benchmarks.Scaling;
using LLaDA.Batch.Benchmarks.Schedules;
using LLaDA.Batch.Benchmarks.Soak;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Batch.Benchmarks.Training;
using LLaDA.Batch.Benchmarks.Weights;
using LLaDA.Diffusion.Native;

if (args is [FunctionsStage.Command, ..])
    return await FunctionsStage.RunAsync(args);     // a process of its own, without tensors: its peak of memory is measured
LibTorch.Load();
var model = new Option<DirectoryInfo>("--model")
{
    Description = "Folder of the model",
    DefaultValueFactory = _ => new DirectoryInfo(Path.Combine(Repository.Root, "gpu-worker", "models", "llada-tiny-base")),
};

var prompts = new Option<int>("--prompts") { Description = "Prompts to judge by exact match", DefaultValueFactory = _ => 304 };
var timed = new Option<int>("--timed") { Description = "Prompts to time each setting on", DefaultValueFactory = _ => 16 };
var lengths = new Option<int[]>("--prompt-lengths")
{
    Description = "Tokens of the prompts; 0 leaves them as they are",
    AllowMultipleArgumentsPerToken = true,
    DefaultValueFactory = _ => [0, 64, 384],
};
var batches = new Option<int[]>("--batches") { AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [1, 4, 8] };
var settings = new Option<string[]>("--settings")
    { Description = "Names of settings, as the table has them; none for all",
    AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
var json = new Option<FileInfo?>("--json") { Description = "Also writes the results as JSON, as tests/Benchmarks/results keeps them" };
var sampler = new Command("sampler", "The official loop against every setting of ours")
    { model, prompts, timed, lengths, batches, settings, json };
sampler.SetAction(parse =>
    SamplerBenchmark.Run(
        parse.GetValue(model)!.FullName, parse.GetValue(prompts), parse.GetValue(timed),
        parse.GetValue(lengths)!, parse.GetValue(batches)!, parse.GetValue(settings)!, parse.GetValue(json)));

var count = new Option<int>("--rows") { DefaultValueFactory = _ => 10_000 };
var rows = new Command("rows", "How often a row's tokens differ between running alone and among others") { model, count };
rows.SetAction(parse => RowsBenchmark.RunAsync(parse.GetValue(model)!.FullName, parse.GetValue(count)));

var block = new Command("block", "A block of the network by modules and by its script, in turns") { model, json };
block.SetAction(parse => BlockBenchmark.Run(parse.GetValue(model)!.FullName, parse.GetValue(json)));

var families = new Command("families", "A tiny model of each family against its official loop, and lines that share their beginning")
    { json };
families.SetAction(parse => FamiliesBenchmark.RunAsync(parse.GetValue(json)));

var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
var of = new Option<string[]>("--of")
    { Description = "What goes through the faults", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ =>
        ["batches", "answers", "requests", "trainings"] };
var trials = new Option<int>("--trials")
    { Description = "Of each fault: at each call to storage in turn, then at random ones; never more than two for each call",
    DefaultValueFactory = _ => 150 };
var only = new Option<string[]>("--faults")
    { Description = "Names of faults; none for all", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };
var faults = new Command(
    "faults",
    "Batches, answers at once, requests that write and trainings with a fault of storage, or a process killed, stopped or standing still, "
    + "at each call to storage in turn")
    { of, only, trials, seed };
faults.SetAction(
    async (parse, cancellation) =>
        await FaultMatrix.RunAsync(
            parse.GetValue(of)!, parse.GetValue(only)!, parse.GetValue(trials), parse.GetValue(seed), cancellation) == 0 ? 0 : 1);

var steps = new Option<int>("--steps") { Description = "Steps to time", DefaultValueFactory = _ => 15 };
var trainer = new Command("trainer", "Steps of the trainer against the peak of matrix products, and the memory of one") { steps, json };
trainer.SetAction(parse =>
{
    StepMemory.Run();
    TrainerBenchmark.Run(parse.GetValue(steps), parse.GetValue(json));
});

var fits = new Command("fits", "What fits where: models, cards, generation and training, by the worker's own arithmetic") { model, json };
fits.SetAction(parse => FitsTable.Run(parse.GetValue(model)!.FullName, parse.GetValue(json)));

var occurrences = new Option<int>("--occurrences") { Description = "Simulated minutes", DefaultValueFactory = _ => 1_000 };
var schedules = new Command("schedules", "A schedule fired by two hosts at once, some of them killed at a call to storage")
    { occurrences, seed };
schedules.SetAction(
    async (parse, cancellation) => await SchedulesBenchmark.RunAsync(parse.GetValue(occurrences), parse.GetValue(seed), cancellation)
    ? 0 : 1);

var overheadLines = new Option<int>("--lines")
    { Description = "Lines of the batch whose wall clock is measured; 0 leaves it out", DefaultValueFactory = _ => 1_000 };
var gap = new Option<int>("--gap") { Description = "Tokens that each of its lines asks for", DefaultValueFactory = _ => 16 };
var sizes = new Option<int[]>("--sizes")
    { Description = "Lines of the files that are planned and finished; 0 leaves them out",
    AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [1_000, 10_000, 100_000] };
var documents = new Option<int[]>("--documents")
    { Description = "Documents of the folders that are planned and finished; 0 leaves them out",
    AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [1_000, 5_000, 20_000] };
var pipeline = new Command("pipeline", "What the service adds to the model's time, and time and memory of planning and finishing")
    { overheadLines, gap, sizes, documents, json };
pipeline.SetAction(
    (parse, cancellation) =>
        PipelineBenchmark.RunAsync(
            parse.GetValue(overheadLines), parse.GetValue(gap), parse.GetValue(sizes)!,
            parse.GetValue(documents)!, parse.GetValue(json), cancellation));

var tables = new Command("tables", "Writes the tables and charts of docs/benchmarks from tests/Benchmarks/results");
tables.SetAction(_ => new ResultPages(Repository.Root).Write());

return await new RootCommand("Measures LLaDA.Batch")
    { tables, pipeline, sampler, rows, block, families, trainer, fits, faults, schedules,
    DeviceCommand.Create(json), FuzzCommand.Create(seed, json), SoakCommand.Create(seed, json),
    GapsBenchmark.Create(model, json), LoadingBenchmark.Create(json), WeightsBenchmark.Create(json),
    ReversalCommand.Create(), InContextCommand.Create(json), ScalingCommand.Create(model, json),
    FairnessCommand.Create(json), NowBenchmark.Create(json), CrowdCommand.Create(json) }
    .Parse(args).InvokeAsync();
