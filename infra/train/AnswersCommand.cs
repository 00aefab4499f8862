using System.CommandLine;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Train;

/// <summary>Asks a model what fine-tuning data asks and counts the answers that come back as they stand there, turn by turn; earlier turns are given as they should be.</summary>
internal static class AnswersCommand
{
    public static Command Create()
    {
        var model = new Option<DirectoryInfo>("--model") { Description = "Folder of the model, tokenizer included", Required = true };
        var data = new Option<FileInfo>("--data") { Description = "JSON Lines of {\"messages\"} or of {\"prompt\", \"completion\"}, as sft learns them", Required = true };
        var tokens = new Option<int>("--max-tokens") { Description = "Most tokens of an answer", DefaultValueFactory = _ => 32 };
        var threshold = new Option<double?>("--threshold") { Description = "Commits every token that is this probable at once; one a step unless given" };
        var json = new Option<bool>("--json") { Description = "JSON instead of a table" };
        tokens.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError("--max-tokens must be at least 1");
        });
        var command = new Command("answers", "Counts the answers of fine-tuning data that a model gives word for word") { model, data, tokens, threshold, json };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            LibTorch.Load();
            string folder = parse.GetRequiredValue(model).FullName;
            using var network = Checkpoint.Load(folder);
            if (network.Config.IsCausal)
                throw new ArgumentException("--model takes a diffusion model");
            using var answers = new FineTuningData(parse.GetRequiredValue(data).FullName, new LLaDATokenizer(folder), new FineTuningOptions { MaxLength = network.Config.MaxSequenceLength });
            var options = new SamplingOptions { StopsAtEos = true, Threshold = parse.GetValue(threshold) };
            var rows = answers.Answers().GroupBy(answer => answer.Turn).OrderBy(turn => turn.Key)
                .Select(turn => Evaluated.Share("diffusion", "answer exact match", $"turn {turn.Key}", AnswerMatch.Diffusion(network, [.. turn], parse.GetValue(tokens), options)));
            EvaluationTable.Write(rows, parse.GetValue(json), cancellation);
        }, cancellation));
        return command;
    }
}
