using System.CommandLine;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;

namespace LLaDA.Batch.Cli.Files;

/// <summary>Files of requests on this machine, and files of the service.</summary>
internal static class FilesCommand
{
    private const int DefaultLimit = 20;

    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("files", "Files: check, stats, split, sample on this machine; upload, list, get, delete at the service")
        {
            LocalFileCommands.Check(target), LocalFileCommands.Stats(target), LocalFileCommands.Split(target), LocalFileCommands.Sample(),
            Upload(target), List(target), Get(target), Delete(target),
        };
        target.AddTo(group);
        return group;
    }

    private static Argument<string> Id() => new("id") { Description = "file-..." };

    private static Command Upload(ServiceTarget target)
    {
        var file = new Argument<FileInfo>("file") { Description = "The file to send" };
        var purpose = new Option<string>("--purpose") { Description = "batch or fine-tune", DefaultValueFactory = _ => "batch" };
        purpose.AcceptOnlyFromAmong("batch", "fine-tune");
        var command = new Command("upload", "Sends a file and prints its id") { file, purpose };
        command.SetAction(async (parse, cancellation) =>
        {
            var source = parse.GetRequiredValue(file);
            if (!source.Exists)
                throw new OperatorException($"There is no file {source}", ExitCodes.NotFound);
            using var client = target.Connect(parse);
            await using var content = source.OpenRead();
            var stored = await client.Files.UploadAsync(content, source.Name, parse.GetRequiredValue(purpose), cancellation);
            target.Shell(parse).Result(stored, stored.Id);
        });
        return command;
    }

    private static Command List(ServiceTarget target)
    {
        var limit = new Option<int>("--limit", "-n") { Description = "At most so many", DefaultValueFactory = _ => DefaultLimit };
        var command = new Command("list", "Lists files, newest first") { limit };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await target.Shell(parse).RowsAsync(
                client.Files.ListAsync(cancellation), parse.GetValue(limit),
                ("ID", file => file.Id), ("NAME", file => file.Filename), ("PURPOSE", file => file.Purpose), ("BYTES", file => file.Bytes),
                ("CREATED", file => file.CreatedAt));
        });
        return command;
    }

    private static Command Get(ServiceTarget target)
    {
        var id = Id();
        var output = new Option<FileInfo?>("--output", "-o") { Description = "File to write; the standard output by default" };
        var command = new Command("get", "Downloads a file") { id, output };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await using var content = await client.Files.OpenReadAsync(parse.GetRequiredValue(id), cancellation);
            await using var destination = parse.GetValue(output)?.Create() ?? Console.OpenStandardOutput();
            await content.CopyToAsync(destination, cancellation);
        });
        return command;
    }

    private static Command Delete(ServiceTarget target)
    {
        var id = Id();
        var command = new Command("delete", "Deletes a file") { id };
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            await client.Files.DeleteAsync(parse.GetRequiredValue(id), cancellation);
            target.Shell(parse).Say($"{parse.GetRequiredValue(id)} is deleted");
        });
        return command;
    }
}
