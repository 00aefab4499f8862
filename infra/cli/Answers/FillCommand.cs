using System.CommandLine;
using LLaDA.Batch.Cli.Batches;
using LLaDA.Batch.Cli.Requests;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Answers;
using LLaDA.Batch.Client.Batches;

namespace LLaDA.Batch.Cli.Answers;

/// <summary>Fills the gaps of texts: a single one at once, several or a long one as a batch.</summary>
internal static class FillCommand
{
    /// <summary>Characters of the longest text that is filled at once.</summary>
    private const int MaxAtOnce = 20_000;

    public static Command Create()
    {
        var (target, options) = (new ServiceTarget(), new FillOptions());
        var files = new Argument<string[]>("file")
        {
            Description = "Texts with gaps such as [MASK] or [MASK:3]; - reads the input",
            Arity = ArgumentArity.OneOrMore,
        };
        var folder = new Option<DirectoryInfo?>("--output", "-o") { Description = "Folder for the filled texts, each under its own name" };
        var show = new Option<bool>("--show") { Description = "Show how a single text comes about, on a terminal" };
        var command = new Command("fill", "Fills the gaps of texts") { files, folder, show };
        options.AddTo(command);
        target.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            var documents = Read(parse.GetRequiredValue(files));
            string model = await options.Sampling.ModelAsync(parse, client, _ => true, cancellation);
            InfillRequest Ask(Document document) => options.Request(parse, model, document.Text);
            var shell = target.Shell(parse);
            var output = new FilledTexts(shell, parse.GetValue(folder)?.FullName, documents.Count > 1);
            if (documents is [{ Text.Length: <= MaxAtOnce } single])
            {
                await output.WriteAsync(single.Name, await FillAsync(client, Ask(single), shell, parse.GetValue(show), cancellation));
                return ExitCodes.Done;
            }
            var batch = await DocumentBatch.CreateAsync(
                client, documents, Ask, new BatchRequest { Endpoint = DocumentBatch.Endpoint }, cancellation);
            return await DocumentBatch.FetchAsync(client, batch, shell, output, cancellation);
        });
        return command;
    }

    private static async Task<string> FillAsync(
        LLaDAClient client, InfillRequest request, Shell shell, bool isShown, CancellationToken cancellation)
    {
        if (!isShown || !shell.IsErrorTerminal)
            return (await client.InfillAsync(request, cancellation)).Text;
        string text = "";
        await foreach (var update in client.StreamInfillAsync(request, cancellation))
        {
            if (update.Frame is { } frame)
                shell.Replace(ShownFrame.Of(frame));
            text = update.Infill?.Text ?? text;
        }
        shell.Clear();
        return text;
    }

    private static List<Document> Read(string[] files)
    {
        List<Document> documents = [.. files.Select(file => file == "-" ? Documents.ReadInput() : Documents.ReadFile(file))];
        if (documents.CountBy(document => document.Name).FirstOrDefault(name => name.Value > 1) is { Key: { } name })
            throw new OperatorException($"Two files have the name {name}: give them in separate commands", ExitCodes.Usage);
        return documents;
    }
}
