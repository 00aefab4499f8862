using System.CommandLine;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Train.Evaluating;

/// <summary>Counts a model's exact matches with the answers of fine-tuning data, turn by turn. Earlier turns come from the data.</summary>
internal static class AnswersCommand
{
    public static Command Create()
    {
        var model = new Option<DirectoryInfo>("--model") { Description = "Folder of the model, tokenizer included", Required = true };
        var data = new Option<FileInfo>("--data")
        {
            Description = "JSON Lines of {\"messages\"} or of {\"prompt\", \"completion\"}, as sft takes them",
            Required = true,
        };
        var tokens = new Option<int>("--max-tokens") { Description = "Most tokens of an answer", DefaultValueFactory = _ => 32 }.AtLeast(1);
        var threshold = new Option<double?>("--threshold")
        {
            Description = "Commits all tokens at least this probable in one step. Without it a step commits one token",
        };
        var json = new Option<bool>("--json") { Description = "JSON instead of a table" };
        var command = new Command("answers", "Counts the answers of fine-tuning data that a model gives word for word")
        {
            model, data, tokens, threshold, json,
        };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            LibTorch.Load();
            string folder = parse.GetRequiredValue(model).FullName;
            using var network = Checkpoint.Load(folder);
            if (network.Config.IsCausal)
                throw new ArgumentException("--model must be a diffusion model");
            var lengths = new FineTuningOptions { MaxLength = network.Config.MaxSequenceLength };
            using var answers = new FineTuningData(parse.GetRequiredValue(data).FullName, new LLaDATokenizer(folder), lengths);
            var options = new SamplingOptions { StopsAtEos = true, Threshold = parse.GetValue(threshold) };
            var rows = answers.Answers().GroupBy(answer => answer.Turn).OrderBy(turn => turn.Key).Select(turn =>
            {
                var matches = AnswerMatch.Diffusion(network, [.. turn], parse.GetValue(tokens), options);
                return Evaluated.Share("diffusion", "answer exact match", $"turn {turn.Key}", matches);
            });
            EvaluationTable.Write(rows, parse.GetValue(json), cancellation);
        }, cancellation));
        return command;
    }
}
