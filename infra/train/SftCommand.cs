using System.CommandLine;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Train;

/// <summary>Fine-tunes a model on dialogues or prompts with answers, or goes on from the run's last checkpoint.</summary>
internal static class SftCommand
{
    private const double FinalRate = 0.1, DecayShare = 0.1;

    public static Command Create()
    {
        var model = new Option<DirectoryInfo>("--model") { Description = "Folder of the model to begin with, tokenizer included", Required = true };
        var data = new Option<FileInfo>("--data") { Description = "JSON Lines of {\"messages\"} or of {\"prompt\", \"completion\"}", Required = true };
        var validation = new Option<FileInfo?>("--validation") { Description = "Examples held out" };
        var epochs = new Option<double>("--epochs") { DefaultValueFactory = _ => 3 };
        var maxLength = new Option<int?>("--max-length") { Description = "Longest example in tokens; the model's context unless given" };
        var longExamples = new Option<LongExamples>("--long-examples") { Description = "What to do with longer ones" };
        var reduction = new Option<LossReduction>("--reduction") { Description = "Whether answers count alike or tokens do" };
        var ignoresPadding = new Option<bool>("--ignore-padding") { Description = "Do not learn the end-of-text tokens that fill a batch" };
        var masksEveryRow = new Option<bool>("--mask-every-row") { Description = "Draws masks until each answer has one, with corrected weights" };
        var rank = new Option<int?>("--lora-rank") { Description = "Trains a LoRA adapter of this rank beside the frozen model, which stays in bfloat16 unless --float32; the whole model is trained unless given" };
        var alpha = new Option<double?>("--lora-alpha") { Description = "The adapter is scaled by alpha / rank; twice the rank unless given" };
        var targets = new Option<string[]>("--lora-target") { Description = "Full path of a projection, such as model.transformer.blocks.*.q_proj with * for any layer; all of every block unless given", AllowMultipleArgumentsPerToken = true };
        var merges = new Option<bool>("--merge") { Description = "Writes the model with the adapter merged into it instead of the adapter alone" };
        var run = new RunOptions(batchSize: 32, learningRate: 2.5e-5, warmupSteps: 50);
        var command = new Command("sft", "Fine-tunes a model on instructions") { model, data, validation, epochs, maxLength, longExamples, reduction, ignoresPadding, masksEveryRow, rank, alpha, targets, merges };
        run.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(rank) is null && new Option[] { alpha, targets, merges }.FirstOrDefault(option => result.GetResult(option) is { Implicit: false }) is { } option)
                result.AddError($"{option.Name} needs --lora-rank");
        });
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            LibTorch.Load();
            string source = parse.GetRequiredValue(model).FullName;
            var tokenizer = new LLaDATokenizer(source);
            var lora = parse.GetValue(rank) is { } chosen ? new LoraOptions
            {
                Rank = chosen,
                Alpha = parse.GetValue(alpha) ?? 2.0 * chosen,
                Targets = parse.GetValue(targets) is { Length: > 0 } paths ? paths : LoraOptions.AllProjections,
                Seed = run.Seed(parse),
                BaseModel = Path.GetFileName(Path.TrimEndingDirectorySeparator(source)),
            } : null;
            var config = LLaDAConfigJson.Read(Path.Combine(source, Checkpoint.ConfigFile));
            FineTuningData Open(FileInfo file, long seed) => new(file.FullName, tokenizer, new FineTuningOptions
            {
                MaxLength = parse.GetValue(maxLength) ?? config.MaxSequenceLength,
                LongExamples = parse.GetValue(longExamples),
                LearnsPadding = !parse.GetValue(ignoresPadding),
                Seed = seed,
            });
            using var training = Open(parse.GetRequiredValue(data), run.Seed(parse));
            using var held = parse.GetValue(validation) is { } file ? Open(file, Trainer.ValidationSeed) : null;
            int numSteps = (int)Math.Ceiling(parse.GetValue(epochs) * training.NumRows / run.BatchSize(parse));
            var options = run.Training(parse, numSteps, FinalRate, DecayShare) with
            {
                Reduction = parse.GetValue(reduction),
                MasksEveryRow = parse.GetValue(masksEveryRow),
            };

            long numTrained = lora?.NumParameters(config) ?? config.NumParameters;
            var (weightType, computeType) = (lora is null ? ScalarType.Float32 : run.ComputeType(parse), run.ComputeType(parse));
            TrainingMemory.Require(config, numTrained, weightType, computeType, options, training.MaxLength, CPU);
            using var network = Checkpoint.Load(source, CPU, weightType, computeType);
            using var adapters = lora is null ? null : new LoraWeights(network, lora);
            ITrainedWeights weights = adapters is null ? new FullWeights(network) : adapters;
            Console.WriteLine($"{network.Config.NumParameters:N0} parameters, {numTrained:N0} trained, {training.NumRows:N0} examples ({training.NumSkipped} left out), {numSteps} steps");

            string output = run.Output(parse);
            RunOptions.Run(new Trainer(weights, training, held, options, run.Run(parse)), cancellation);
            if (adapters is not null && !parse.GetValue(merges))
            {
                adapters.Save(output);
                return;
            }
            adapters?.Merge();
            RunOptions.Save(network, source, output);
        }, cancellation));
        return command;
    }
}
