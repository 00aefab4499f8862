using System.CommandLine;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Train;

/// <summary>Learns a byte-level BPE vocabulary from documents.</summary>
internal static class TokenizerCommand
{
    public static Command Create()
    {
        var text = new Option<string>("--text") { Description = Documents.Description, Required = true };
        var size = new Option<int>("--size") { Description = "Tokens of the vocabulary, special ones included", DefaultValueFactory = _ => 8192 };
        var output = new Option<DirectoryInfo>("--out") { Description = "Folder for tokenizer.json", Required = true };
        var command = new Command("tokenizer", "Trains a tokenizer") { text, size, output };
        command.SetAction(parse =>
        {
            var trainer = new BpeTrainer();
            foreach (string document in TextDocuments.Read(parse.GetRequiredValue(text)))
                trainer.Add(document);
            var merges = trainer.Train(parse.GetValue(size));
            BpeTrainer.Save(merges, parse.GetRequiredValue(output).FullName);
            Console.WriteLine($"{256 + merges.Count + SpecialTokens.All.Count} tokens");
        });
        return command;
    }
}
