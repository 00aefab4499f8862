using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.FineTuning;
using LLaDA.Batch.Terminal;

namespace LLaDA.Batch.Cli.Tuning;

/// <summary>Sends examples and trains a model on them.</summary>
internal static class RunTuningCommand
{
    public static Command Create(ServiceTarget target)
    {
        var file = new Argument<FileInfo>("file")
        {
            Description = "One example a line: a dialogue, a prompt with its completion, text, a question with two answers, or a question "
                + "for a grader",
        };
        var model = new Option<string>("--model", "-m") { Description = "The model to begin with", Required = true };
        var method = new Option<string>("--method") { Description = "How it is trained", DefaultValueFactory = _ => "supervised" };
        method.AcceptOnlyFromAmong("supervised", "pretrain", "dpo", "reinforcement");
        var suffix = new Option<string?>("--suffix") { Description = "Part of the result's name" };
        var rank = new Option<int?>("--lora") { Description = "Train an adapter of this rank instead of all weights" };
        var vectors = new Option<int?>("--virtual-tokens")
        {
            Description = "Learn so many vectors before every row instead of weights (prompt tuning)",
        };
        var grader = new Option<FileInfo?>("--grader")
        {
            Description = "JSON of the grader that judges answers; with the method reinforcement",
        };
        var epochs = new Option<int?>("--epochs") { Description = "Passes over the examples; chosen by their number by default" };
        var watch = new Option<bool>("--watch", "-w") { Description = "Follow the job to its end" };
        var command = new Command("run", "Trains a model on a file of examples")
        {
            file, model, method, grader, suffix, rank, vectors, epochs, watch,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(method) == "reinforcement" != (result.GetValue(grader) is not null))
                result.AddError("--method reinforcement and --grader go together");
        });
        command.SetAction(async (parse, cancellation) =>
        {
            var (shell, source) = (target.Shell(parse), parse.GetRequiredValue(file));
            if (!source.Exists)
                throw new OperatorException($"There is no file {source}", ExitCodes.NotFound);
            var judge = parse.GetValue(grader) is { } judging ? ReadGrader(judging) : null;
            using var client = target.Connect(parse);
            await using var content = source.OpenRead();
            var stored = await client.Files.UploadAsync(content, source.Name, "fine-tune", cancellation);
            string kind = parse.GetRequiredValue(method);
            var hyperparameters = new Dictionary<string, object>();
            if (parse.GetValue(rank) is { } size)
                hyperparameters["lora"] = new { rank = size };
            if (parse.GetValue(vectors) is { } count)
                hyperparameters["prompt_tuning"] = new { num_virtual_tokens = count };
            if (parse.GetValue(epochs) is { } passes)
                hyperparameters["n_epochs"] = passes;
            var job = await client.FineTuning.CreateAsync(
                new FineTuningRequest
                {
                    Model = parse.GetRequiredValue(model),
                    TrainingFile = stored.Id,
                    Suffix = parse.GetValue(suffix),
                    Method = new Dictionary<string, object> { ["type"] = kind, [kind] = Details(hyperparameters, judge) },
                },
                cancellation);
            if (!parse.GetValue(watch))
            {
                shell.Result(job, job.Id);
                return ExitCodes.Done;
            }
            job = await WatchAsync(client, job.Id, shell, cancellation);
            shell.Result(job, job.FineTunedModel ?? $"{job.Id} is {job.Status}: {job.Error?.Message}");
            return job.Status == "succeeded" ? ExitCodes.Done : ExitCodes.Refused;
        });
        return command;
    }

    private static Dictionary<string, object> Details(Dictionary<string, object> hyperparameters, JsonNode? grader)
    {
        var details = new Dictionary<string, object> { ["hyperparameters"] = hyperparameters };
        if (grader is not null)
            details["grader"] = grader;
        return details;
    }

    private static JsonNode ReadGrader(FileInfo file)
    {
        if (!file.Exists)
            throw new OperatorException($"There is no file {file}", ExitCodes.NotFound);
        try
        {
            return JsonNode.Parse(File.ReadAllText(file.FullName)) ?? throw new OperatorException($"{file} has no grader");
        }
        catch (JsonException exception)
        {
            throw new OperatorException($"{file} is not valid JSON: {exception.Message}");
        }
    }

    private static async Task<FineTuningJob> WatchAsync(LLaDAClient client, string id, Shell shell, CancellationToken cancellation)
    {
        try
        {
            var job = await client.FineTuning.WaitAsync(id, reported => shell.Replace(new Stretch(reported.Message)), cancellation);
            shell.Clear();
            return job;
        }
        catch (OperationCanceledException)
        {
            shell.Say($"The job continues. 'llada tune show {id}' looks at it, 'llada tune cancel {id}' ends it");
            throw;
        }
    }
}
