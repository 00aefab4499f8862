using System.CommandLine;
using System.Text;
using System.Text.Json;
using LLaDA.Batch.Cli.Batches;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Cli.Evaluating;

/// <summary>Asks a model the questions of some files, each as a batch, and says how many it answers rightly.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var target = new ServiceTarget();
        var tasks = new Option<FileInfo[]>("--tasks")
        {
            Description = "Files of questions; see docs/guide/evaluating.md",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        var model = new Option<string>("--model", "-m") { Description = "The model to ask", Required = true };
        var set = new NameValues("--set", "A parameter that replaces the task's, such as num_samples=16; may be repeated");
        var limit = new Option<int?>("--limit", "-n") { Description = "Only the first so many questions of each task" };
        var output = new Option<DirectoryInfo?>("--output", "-o") { Description = "Folder for the scores and each question's result" };
        var command = new Command("evaluate", "Asks a model the questions of some files and scores its answers")
        {
            tasks, model, set.Option, limit, output,
        };
        target.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            var shell = target.Shell(parse);
            var changes = set.FindJson(parse);
            if (parse.GetValue(limit) is < 1)
                throw new OperatorException("--limit must be at least 1", ExitCodes.Usage);
            EvaluationTask[] read = [.. parse.GetRequiredValue(tasks).Select(EvaluationTask.Read)];
            if (read.GroupBy(task => task.Header.Task).FirstOrDefault(same => same.Count() > 1) is { } twice)
                throw new OperatorException($"Two files hold a task named '{twice.Key}'");
            if (parse.GetValue(limit) is { } most)
                read = [.. read.Select(task => task with { Questions = [.. task.Questions.Take(most)] })];
            using var client = target.Connect(parse);

            var batches = new List<BatchJob>();
            foreach (var task in read)
            {
                batches.Add(await StartAsync(client, task, parse.GetRequiredValue(model), changes, cancellation));
                shell.Say($"{task.Header.Task}: {batches[^1].Id} asks {task.Questions.Count} questions");
            }
            List<TaskScore> scores = [];
            foreach (var (task, batch) in read.Zip(batches))
            {
                var ended = await BatchWatch.RunAsync(client, batch.Id, shell, cancellation);
                BatchWatch.SayFaults(ended, shell);
                var results = await ResultsAsync(client, task, ended, cancellation);
                TaskScore[] found = [.. TaskScore.Of(task, results)];
                scores.AddRange(found);
                if (parse.GetValue(output) is { } folder)
                    await KeepAsync(folder, task, results, found, cancellation);
            }
            await shell.RowsAsync(
                scores.ToAsyncEnumerable(), int.MaxValue,
                ("TASK", score => score.Task), ("GROUP", score => score.Group), ("METRIC", score => score.Metric),
                ("SCORE", score => Percent(score.Score)),
                ("95 %", score => $"{Percent(score.Low)} to {Percent(score.High)}"), ("N", score => score.N),
                ("UNANSWERED", score => score.Unanswered));
            return scores.Exists(score => score.Unanswered > 0) ? ExitCodes.LinesFailed : ExitCodes.Done;
        });
        return command;
    }

    private static async Task<BatchJob> StartAsync(
        LLaDAClient client, EvaluationTask task, string model, IReadOnlyDictionary<string, JsonElement> changes,
        CancellationToken cancellation)
    {
        string requests = string.Join('\n', TaskRequests.Write(task, model, changes));
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(requests));
        var file = await client.Files.UploadAsync(content, $"{task.Header.Task}.jsonl", "batch", cancellation);
        return await client.Batches.CreateAsync(
            new BatchRequest
            {
                Endpoint = task.Header.Endpoint,
                InputFileId = file.Id,
                Metadata = new Dictionary<string, string> { ["task"] = task.Header.Task },
            },
            cancellation);
    }

    private static async Task<QuestionResult[]> ResultsAsync(
        LLaDAClient client, EvaluationTask task, BatchJob batch, CancellationToken cancellation)
    {
        JsonElement?[][] responses =
            [.. task.Questions.Select(question => new JsonElement?[question.Prompts?.Count ?? 1])];
        if (batch.Status != "failed")
        {
            await foreach (var line in client.Batches.ResultsAsync(batch.Id, "completed", cancellation: cancellation))
            {
                var (question, prompt) = TaskRequests.Parse(line.CustomId);
                responses[question][prompt] = line.Response?.GetProperty("body");
            }
        }
        return [.. responses.Select((bodies, number) => QuestionResult.Of(task, number, bodies))];
    }

    private static async Task KeepAsync(
        DirectoryInfo folder, EvaluationTask task, QuestionResult[] results, TaskScore[] scores, CancellationToken cancellation)
    {
        folder.Create();
        string Path(string kind) => System.IO.Path.Combine(folder.FullName, $"{System.IO.Path.GetFileName(task.Header.Task)}.{kind}.jsonl");
        static IEnumerable<string> Lines<T>(IEnumerable<T> rows) => rows.Select(row => JsonSerializer.Serialize(row, WireJson.Options));
        await File.WriteAllLinesAsync(Path("scores"), Lines(scores), cancellation);
        await File.WriteAllLinesAsync(Path("questions"), Lines(results), cancellation);
    }

    private static string Percent(double share) => FormattableString.Invariant($"{100 * share:F1}");
}
