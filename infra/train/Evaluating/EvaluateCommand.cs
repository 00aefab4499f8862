using System.CommandLine;
using LLaDA.Batch.Train.BundledData;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Batch.Train.Texts;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Train.Evaluating;

/// <summary>Evaluates a model on held-out text, optionally beside its autoregressive twin.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var model = new Option<DirectoryInfo>("--model") { Description = "Folder of the model, tokenizer included", Required = true };
        var text = new Option<string>("--text") { Description = "Held-out text: " + Documents.Description, Required = true };
        var twin = new Option<DirectoryInfo?>("--twin")
        {
            Description = "Folder of the autoregressive twin: the baseline of the same size, data and tokenizer",
        };
        var count = new Option<int>("--documents")
        {
            Description = "Number of documents, the first ones of the text",
            DefaultValueFactory = _ => 500,
        }.AtLeast(1);
        var length = new Option<int>("--max-length")
        {
            Description = "Longest document in tokens; the rest of longer ones is cut off",
            DefaultValueFactory = _ => 128,
        }.AtLeast(2);
        var samples = new Option<int>("--samples")
        {
            Description = "Mask patterns per document for the bound on the likelihood",
            DefaultValueFactory = _ => 32,
        }.AtLeast(1);
        var questions = new Option<int>("--questions")
        {
            Description = "Most part-of-speech questions of each kind, from the whole text",
            DefaultValueFactory = _ => 250,
        }.AtLeast(1);
        var seed = new Option<int>("--seed") { Description = "Seed of masks and samples", DefaultValueFactory = _ => 1 };
        var json = new Option<bool>("--json") { Description = "JSON instead of a table" };
        var command = new Command("evaluate", "Evaluates a model on held-out text")
        {
            model, text, twin, count, length, samples, questions, seed, json,
        };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            LibTorch.Load();
            string folder = parse.GetRequiredValue(model).FullName, source = parse.GetRequiredValue(text);
            var tokenizer = new LLaDATokenizer(folder);
            using var network = Checkpoint.Load(folder);
            using var baseline = parse.GetValue(twin) is { } twinFolder ? Checkpoint.Load(twinFolder.FullName) : null;
            RequirePair(network, baseline);

            int longest = Math.Min(parse.GetValue(length), network.Config.MaxSequenceLength);
            longest = Math.Min(longest, baseline?.Config.MaxSequenceLength ?? int.MaxValue);
            List<HeldOutDocument> documents =
            [
                .. TextDocuments.Read(source).Take(parse.GetValue(count))
                    .Select(document => HeldOutDocument.Of(tokenizer, document, longest)),
            ];
            if (documents.Count == 0)
                throw new InvalidDataException($"{source} has no documents");
            using var forbidden = new TokenSet(tokenizer.NonTextIds);
            var options = new EvaluationOptions
            {
                NumSamples = parse.GetValue(samples),
                Seed = (ulong)parse.GetValue(seed),
                LabelledTexts = WordKinds.Read(tokenizer, TextDocuments.Read(source), parse.GetValue(questions)),
            };
            var evaluation = new ModelEvaluation(documents, forbidden, options);
            var rows = evaluation.Diffusion(network).Concat(baseline is null ? [] : evaluation.Twin(baseline));
            EvaluationTable.Write(rows, parse.GetValue(json), cancellation);
        }, cancellation));
        return command;
    }

    private static void RequirePair(MaskPredictor network, MaskPredictor? twin)
    {
        if (network.Config.IsCausal || twin is { Config.IsCausal: false })
            throw new ArgumentException("--model must be a diffusion model and --twin a causal one");
        if (twin is not null && twin.Config.VocabularySize != network.Config.VocabularySize)
            throw new ArgumentException("--model and --twin must have the same vocabulary");
    }
}
