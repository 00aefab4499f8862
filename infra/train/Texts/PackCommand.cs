using System.CommandLine;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Train.Texts;

/// <summary>Tokenizes documents once, into a file that training maps into memory.</summary>
internal static class PackCommand
{
    public static Command Create()
    {
        var text = new Option<string>("--text") { Description = Documents.Description, Required = true };
        var tokenizer = new Option<DirectoryInfo>("--tokenizer") { Description = "Folder with tokenizer.json", Required = true };
        var output = new Option<FileInfo>("--out") { Description = "File of packed tokens, for pretrain", Required = true };
        var command = new Command("pack", "Packs documents into a file of tokens") { text, tokenizer, output };
        command.SetAction(parse =>
        {
            string file = parse.GetRequiredValue(output).FullName;
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            var vocabulary = new LLaDATokenizer(parse.GetRequiredValue(tokenizer).FullName);
            long count = TokenFile.Write(file, vocabulary, TextDocuments.Read(parse.GetRequiredValue(text)));
            Console.WriteLine($"{count:N0} tokens");
        });
        return command;
    }
}
