using System.Text.RegularExpressions;
using Azure.Storage.Blobs;
using LLaDA.Batch.Tests;

namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>Does what <c>az storage blob upload-batch</c> and <c>download-batch</c> do on the stack's own account, without the tool.</summary>
internal sealed partial class AzStorage(BlobServiceClient storage, string folder)
{
    /// <summary>Whether all of a block's commands are known here.</summary>
    public static bool Knows(CodeBlock block) => block.Language == "azcli" && Commands(block).All(command => Command().IsMatch(command));

    public async Task RunAsync(CodeBlock block)
    {
        foreach (string command in Commands(block))
        {
            string Option(string name) => Regex.Match(command, $@"--{name} (?<value>\S+)", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)).Groups["value"].Value;
            if (command.Contains("upload-batch", StringComparison.Ordinal))
                await UploadAsync(Option("source"), storage.GetBlobContainerClient(Option("destination")), Option("destination-path"));
            else
                await DownloadAsync(storage.GetBlobContainerClient(Option("source")), Option("pattern").Trim('\'').TrimEnd('*'), Option("destination"));
        }
    }

    private async Task UploadAsync(string source, BlobContainerClient container, string path)
    {
        foreach (string file in Directory.GetFiles(Path.Combine(folder, source)))
            await container.GetBlobClient(path.Length == 0 ? Path.GetFileName(file) : $"{path}/{Path.GetFileName(file)}").UploadAsync(file, overwrite: true);
    }

    private async Task DownloadAsync(BlobContainerClient container, string prefix, string destination)
    {
        await foreach (var blob in container.GetBlobsAsync(new() { Prefix = prefix }))
        {
            string file = Path.Combine(folder, destination, blob.Name);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await container.GetBlobClient(blob.Name).DownloadToAsync(file);
        }
    }

    private static string[] Commands(CodeBlock block) =>
        block.Text.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex(@"^az storage blob (upload|download)-batch --connection-string ""\$\(cat data/connection-string\)"" ", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Command();
}
