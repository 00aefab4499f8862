using System.CommandLine;
using LLaDA.Batch.Cli.Files;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Batches;

namespace LLaDA.Batch.Cli.Batches;

/// <summary>Checks a file of requests, sends it, runs it as a batch and fetches the results.</summary>
internal static class RunBatchCommand
{
    public static Command Create(ServiceTarget target)
    {
        var file = new Argument<FileInfo>("file") { Description = "One request a line, as OpenAI's batches have them" };
        var window = new Option<string>("--within") { Description = "Time to finish in, from 1h to 14d", DefaultValueFactory = _ => "24h" };
        var watch = new Option<bool>("--watch", "-w") { Description = "Follow the batch and fetch its results" };
        var output = new Option<FileInfo?>("--output", "-o") { Description = "File for the results, as JSON Lines; implies --watch" };
        var command = new Command("run", "Checks a file of requests and runs it as a batch") { file, window, watch, output };
        command.SetAction(async (parse, cancellation) =>
        {
            var (shell, input) = (target.Shell(parse), parse.GetRequiredValue(file));
            var check = await RequestFile.CheckAsync(input, cancellation);
            if (check.Faults.Count > 0)
            {
                foreach (var fault in check.Faults)
                    shell.Say(fault.ToString());
                throw new OperatorException($"{input.Name} was not sent: mend these lines first");
            }
            using var client = target.Connect(parse);
            var batch = await CreateAsync(client, input, check.Endpoint!, parse.GetRequiredValue(window), cancellation);
            var results = parse.GetValue(output);
            if (!parse.GetValue(watch) && results is null)
            {
                shell.Result(batch, batch.Id);
                return ExitCodes.Done;
            }
            shell.Say($"{batch.Id} has {check.Lines} lines");
            batch = await BatchWatch.RunAsync(client, batch.Id, shell, cancellation);
            BatchWatch.SayFaults(batch, shell);
            await FetchAsync(client, batch, results, shell, cancellation);
            shell.Say(BatchWatch.Outcome(batch));
            return BatchWatch.ExitCodeOf(batch);
        });
        return command;
    }

    private static async Task<BatchJob> CreateAsync(
        LLaDAClient client, FileInfo input, string endpoint, string window, CancellationToken cancellation)
    {
        await using var content = input.OpenRead();
        var stored = await client.Files.UploadAsync(content, input.Name, "batch", cancellation);
        return await client.Batches.CreateAsync(
            new BatchRequest { Endpoint = endpoint, InputFileId = stored.Id, CompletionWindow = window }, cancellation);
    }

    private static async Task FetchAsync(
        LLaDAClient client, BatchJob batch, FileInfo? results, Shell shell, CancellationToken cancellation)
    {
        await using var writer = results is null ? null : new StreamWriter(results.FullName);
        var target = writer ?? shell.Output;
        foreach (string id in new[] { batch.OutputFileId, batch.ErrorFileId }.OfType<string>())
        {
            using var reader = new StreamReader(await client.Files.OpenReadAsync(id, cancellation));
            while (await reader.ReadLineAsync(cancellation) is { } line)
                await target.WriteLineAsync(line.AsMemory(), cancellation);
        }
    }
}
