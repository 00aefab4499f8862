using System.CommandLine;
using LLaDA.Batch.Cli.Files;
using LLaDA.Batch.Cli.Requests;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Batches;

namespace LLaDA.Batch.Cli.Batches;

/// <summary>Checks a file of requests, or takes the texts of a folder, runs them as one batch and fetches the results.</summary>
internal sealed class RunBatchCommand
{
    private readonly ServiceTarget _target;
    private readonly FillOptions _fill = new();

    private readonly Argument<string> _path = new("path")
    {
        Description = "A file with one request a line, as OpenAI's batches have them, or a folder of texts with gaps",
    };

    private readonly Option<string> _window = new("--within")
    {
        Description = "Time to finish in, from 1h to 14d",
        DefaultValueFactory = _ => "24h",
    };

    private readonly Option<string?> _priority = new("--priority") { Description = "low, normal or high, beside your other batches" };

    private readonly NameValues _metadata = new("--metadata", "A text of your own, to find the batch by; may be repeated");

    private readonly Option<bool> _watch = new("--watch", "-w") { Description = "Follow the batch and fetch its results" };

    private readonly Option<string?> _output = new("--output", "-o")
    {
        Description = "File for the results, as JSON Lines, or folder for the filled texts; implies --watch",
    };

    private RunBatchCommand(ServiceTarget target)
    {
        _target = target;
        _priority.AcceptOnlyFromAmong("low", "normal", "high");
    }

    public static Command Create(ServiceTarget target)
    {
        var run = new RunBatchCommand(target);
        var command = new Command("run", "Runs a file of requests, or the texts of a folder, as one batch")
        {
            run._path, run._window, run._priority, run._metadata.Option, run._watch, run._output,
        };
        run._fill.AddTo(command);
        command.SetAction((parse, cancellation) => Directory.Exists(parse.GetRequiredValue(run._path))
            ? run.RunFolderAsync(parse, cancellation)
            : run.RunFileAsync(parse, cancellation));
        return command;
    }

    private async Task<int> RunFileAsync(ParseResult parse, CancellationToken cancellation)
    {
        var (shell, input) = (_target.Shell(parse), new FileInfo(parse.GetRequiredValue(_path)));
        if (_fill.FindGiven(parse) is { } given)
            throw new OperatorException($"{given} is for a folder of texts: lines of a file name their own parameters", ExitCodes.Usage);
        var check = await RequestFile.CheckAsync(input, cancellation);
        if (check.Faults.Count > 0)
        {
            foreach (var fault in check.Faults)
                shell.Say(fault.ToString());
            throw new OperatorException($"{input.Name} was not sent: mend these lines first");
        }
        using var client = _target.Connect(parse);
        await using var content = input.OpenRead();
        var stored = await client.Files.UploadAsync(content, input.Name, "batch", cancellation);
        var batch = await client.Batches.CreateAsync(
            Request(parse, check.Endpoint!) with { InputFileId = stored.Id }, cancellation);
        if (!IsWatched(parse))
        {
            shell.Result(batch, batch.Id);
            return ExitCodes.Done;
        }
        shell.Say($"{batch.Id} has {check.Lines} lines");
        batch = await BatchWatch.RunAsync(client, batch.Id, shell, cancellation);
        BatchWatch.SayFaults(batch, shell);
        await FetchAsync(client, batch, parse.GetValue(_output), shell, cancellation);
        shell.Say(BatchWatch.Outcome(batch));
        return BatchWatch.ExitCodeOf(batch);
    }

    /// <summary>Documents without a gap are copied, as the service does it with folders of its own.</summary>
    private async Task<int> RunFolderAsync(ParseResult parse, CancellationToken cancellation)
    {
        var (shell, folder) = (_target.Shell(parse), parse.GetRequiredValue(_path));
        var output = new FilledTexts(shell, parse.GetValue(_output), hasHeadings: true);
        using var client = _target.Connect(parse);
        string model = await _fill.Sampling.ModelAsync(parse, client, _ => true, cancellation);
        int numSent = 0;
        List<string> whole = [];
        var batch = await DocumentBatch.CreateAsync(
            client, WithGaps(), document => _fill.Request(parse, model, document.Text),
            Request(parse, DocumentBatch.Endpoint), cancellation);
        if (!IsWatched(parse))
        {
            shell.Result(batch, batch.Id);
            return ExitCodes.Done;
        }
        shell.Say($"{batch.Id} has {numSent} texts{(whole.Count > 0 ? $"; {whole.Count} have no gap and stay as they are" : "")}");
        foreach (string name in whole)
            await output.WriteAsync(name, Documents.ReadFile(Path.Combine(folder, name)).Text);
        return await DocumentBatch.FetchAsync(client, batch, shell, output, cancellation);

        IEnumerable<Document> WithGaps()
        {
            foreach (var document in Documents.ReadFolder(folder))
            {
                if (document.HasGap)
                {
                    numSent++;
                    yield return document;
                }
                else
                {
                    whole.Add(document.Name);
                }
            }
            if (numSent == 0)
                throw new OperatorException($"No text in {folder} has a gap such as [MASK] or [MASK:3]");
        }
    }

    private BatchRequest Request(ParseResult parse, string endpoint) => new()
    {
        Endpoint = endpoint,
        CompletionWindow = parse.GetRequiredValue(_window),
        Priority = parse.GetValue(_priority),
        Metadata = _metadata.Find(parse),
    };

    private bool IsWatched(ParseResult parse) => parse.GetValue(_watch) || parse.GetValue(_output) is not null;

    private static async Task FetchAsync(
        LLaDAClient client, BatchJob batch, string? results, Shell shell, CancellationToken cancellation)
    {
        await using var writer = results is null ? null : new StreamWriter(results);
        var target = writer ?? shell.Output;
        foreach (string id in new[] { batch.OutputFileId, batch.ErrorFileId }.OfType<string>())
        {
            using var reader = new StreamReader(await client.Files.OpenReadAsync(id, cancellation));
            while (await reader.ReadLineAsync(cancellation) is { } line)
                await target.WriteLineAsync(line.AsMemory(), cancellation);
        }
    }
}
