using System.CommandLine;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Train;

/// <summary>Judges a model, and its autoregressive twin beside it, on held-out text.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var model = new Option<DirectoryInfo>("--model") { Description = "Folder of the model, tokenizer included", Required = true };
        var text = new Option<string>("--text") { Description = "Held out: " + Documents.Description, Required = true };
        var twin = new Option<DirectoryInfo?>("--twin") { Description = "Folder of the autoregressive twin, which reads the model's tokens" };
        var count = new Option<int>("--documents") { Description = "The first ones of the text", DefaultValueFactory = _ => 500 };
        var length = new Option<int>("--max-length") { Description = "Longest document in tokens; longer ones are cut", DefaultValueFactory = _ => 128 };
        var samples = new Option<int>("--samples") { Description = "Mask patterns a document for the bound", DefaultValueFactory = _ => 32 };
        var questions = new Option<int>("--questions") { Description = "Most questions for the kind of a word, of each kind, from all of the text", DefaultValueFactory = _ => 250 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var json = new Option<bool>("--json") { Description = "JSON instead of a table" };
        foreach (var option in new[] { count, samples, questions })
            option.Validators.Add(result =>
            {
                if (result.GetValueOrDefault<int>() < 1)
                    result.AddError($"{option.Name} must be at least 1");
            });
        var command = new Command("evaluate", "Judges a model on held-out text") { model, text, twin, count, length, samples, questions, seed, json };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            LibTorch.Load();
            string folder = parse.GetRequiredValue(model).FullName;
            var tokenizer = new LLaDATokenizer(folder);
            using var network = Checkpoint.Load(folder);
            using var twinNetwork = parse.GetValue(twin) is { } twinFolder ? Checkpoint.Load(twinFolder.FullName) : null;
            if (network.Config.IsCausal || twinNetwork is { Config.IsCausal: false })
                throw new ArgumentException("--model takes a diffusion model and --twin a causal one");
            if (twinNetwork is not null && twinNetwork.Config.VocabularySize != network.Config.VocabularySize)
                throw new ArgumentException("model and twin must share a vocabulary");

            int longest = Math.Min(parse.GetValue(length), Math.Min(network.Config.MaxSequenceLength, twinNetwork?.Config.MaxSequenceLength ?? int.MaxValue));
            if (longest < 2)
                throw new ArgumentException("--max-length must be at least 2");
            var documents = TextDocuments.Read(parse.GetRequiredValue(text)).Take(parse.GetValue(count)).Select(document => HeldOutDocument.Of(tokenizer, document, longest)).ToList();
            if (documents.Count == 0)
                throw new InvalidDataException("there are no documents");
            using var forbidden = new TokenSet(tokenizer.NonTextIds);
            var options = new EvaluationOptions
            {
                NumSamples = parse.GetValue(samples),
                Seed = (ulong)parse.GetValue(seed),
                LabelledTexts = WordKinds.Read(tokenizer, TextDocuments.Read(parse.GetRequiredValue(text)), parse.GetValue(questions)),
            };
            var evaluation = new ModelEvaluation(documents, forbidden, options);
            EvaluationTable.Write(evaluation.Diffusion(network).Concat(twinNetwork is null ? [] : evaluation.Twin(twinNetwork)), parse.GetValue(json), cancellation);
        }, cancellation));
        return command;
    }
}
