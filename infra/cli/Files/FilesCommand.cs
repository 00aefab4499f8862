using System.CommandLine;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;

namespace LLaDA.Batch.Cli.Files;

/// <summary>Files of requests on this machine, and files of the service.</summary>
internal static class FilesCommand
{
    private const string IdForm = "file-...";

    public static Command Create()
    {
        var target = new ServiceTarget();
        var group = new Command("files", "Files: check, stats, split, sample on this machine; upload, list, get, delete at the service")
        {
            LocalFileCommands.Check(target), LocalFileCommands.Stats(target), LocalFileCommands.Split(target), LocalFileCommands.Sample(),
            Upload(target),
            ServiceCommands.List(
                target, "list", "Lists files, newest first", (client, _, cancellation) => client.Files.ListAsync(cancellation),
                ServiceCommands.Limit(),
                ("ID", file => file.Id), ("PURPOSE", file => file.Purpose), ("BYTES", file => file.Bytes),
                ("AGE", file => ServiceCommands.Age(file.CreatedAt)), ("NAME", file => file.Filename)),
            Get(target),
            ServiceCommands.Delete(
                target, "Deletes a file", IdForm, (client, id, cancellation) => client.Files.DeleteAsync(id, cancellation)),
        };
        target.AddTo(group);
        return group;
    }

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

    private static Command Get(ServiceTarget target)
    {
        var id = ServiceCommands.Id(IdForm);
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
}
