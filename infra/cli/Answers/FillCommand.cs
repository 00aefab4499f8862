using System.CommandLine;
using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Client;
using LLaDA.Batch.Client.Answers;

namespace LLaDA.Batch.Cli.Answers;

/// <summary>Fills the gaps of texts: a single one at once, several as a batch.</summary>
internal static class FillCommand
{
    public static Command Create()
    {
        var (target, sampling) = (new ServiceTarget(), new SamplingOptions());
        var files = new Argument<string[]>("file")
        {
            Description = "Texts with gaps such as [MASK] or [MASK:3]; - reads the input",
            Arity = ArgumentArity.OneOrMore,
        };
        var folder = new Option<DirectoryInfo?>("--output", "-o") { Description = "Folder for the filled texts, each under its own name" };
        var show = new Option<bool>("--show") { Description = "Show how the text comes about, on a terminal" };
        var command = new Command("fill", "Fills the gaps of texts") { files, folder, show };
        sampling.AddTo(command);
        target.AddTo(command);
        command.SetAction(async (parse, cancellation) =>
        {
            using var client = target.Connect(parse);
            var texts = Texts(parse.GetRequiredValue(files));
            string model = await sampling.ModelAsync(parse, client, _ => true, cancellation);
            InfillRequest Request(string text) => new()
            {
                Model = model,
                Text = text,
                Steps = sampling.Steps(parse),
                Threshold = sampling.Threshold(parse),
                Temperature = sampling.Temperature(parse),
                Seed = sampling.Seed(parse),
                More = sampling.More(parse),
            };
            var shell = target.Shell(parse);
            var output = new FilledTexts(shell, parse.GetValue(folder)?.FullName, texts.Count > 1);
            if (texts is [var single])
            {
                await output.WriteAsync(single.Name, await FillAsync(client, Request(single.Text), shell, parse.GetValue(show),
                    cancellation));
                return ExitCodes.Done;
            }
            return await FillBatch.RunAsync(client, texts.ToDictionary(text => text.Name, text => Request(text.Text)), shell, output,
                cancellation);
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
                shell.Replace($"{frame.MasksLeft,3} masks left  {frame.Text}");
            text = update.Infill?.Text ?? text;
        }
        shell.Clear();
        return text;
    }

    private static List<(string Name, string Text)> Texts(string[] files)
    {
        List<(string Name, string Text)> texts = [];
        foreach (string file in files)
        {
            string name = file == "-" ? "-" : Path.GetFileName(file);
            if (texts.Exists(text => text.Name == name))
                throw new OperatorException($"Two files have the name {name}: give them in separate commands", ExitCodes.Usage);
            if (file != "-" && !File.Exists(file))
                throw new OperatorException($"There is no file {file}", ExitCodes.NotFound);
            texts.Add((name, file == "-" ? Console.In.ReadToEnd() : File.ReadAllText(file)));
        }
        return texts;
    }
}
