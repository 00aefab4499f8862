using System.CommandLine;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Train.Texts;

/// <summary>Trains a byte-level BPE tokenizer on documents.</summary>
internal static class TokenizerCommand
{
    private const int NumBytes = 256, DefaultSize = 8192;

    public static Command Create()
    {
        var text = new Option<string>("--text") { Description = Documents.Description, Required = true };
        var size = new Option<int>("--size")
        {
            Description = $"Tokens of the vocabulary, {NumBytes} bytes and the special ones included",
            DefaultValueFactory = _ => DefaultSize,
        }.AtLeast(NumBytes + SpecialTokens.All.Count);
        var output = new Option<DirectoryInfo>("--out") { Description = "Folder for tokenizer.json", Required = true };
        var command = new Command("tokenizer", "Trains a tokenizer") { text, size, output };
        command.SetAction(parse =>
        {
            var trainer = new BpeTrainer();
            foreach (string document in TextDocuments.Read(parse.GetRequiredValue(text)))
                trainer.Add(document);
            var merges = trainer.Train(parse.GetValue(size));
            BpeTrainer.Save(merges, parse.GetRequiredValue(output).FullName);
            Console.WriteLine($"{NumBytes + merges.Count + SpecialTokens.All.Count} tokens");
        });
        return command;
    }
}
