using System.Text.RegularExpressions;
using Azure.Storage.Blobs;

namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>Does what <c>az storage blob upload-batch</c> and <c>download-batch</c> do on the stack, without the tool.</summary>
internal sealed partial class AzStorage(BlobServiceClient storage, string folder)
{
    /// <summary>Whether all of a block's commands are known here.</summary>
    public static bool Knows(CodeBlock block) => block.Language == "azcli" && Commands(block).All(command => Command().IsMatch(command));

    public async Task RunAsync(CodeBlock block)
    {
        foreach (string command in Commands(block))
        {
            var options = Option().Matches(command)
                .ToDictionary(option => option.Groups["name"].Value, option => option.Groups["value"].Value);
            if (command.Contains("upload-batch", StringComparison.Ordinal))
                await UploadAsync(options["source"], storage.GetBlobContainerClient(options["destination"]), options["destination-path"]);
            else
                await DownloadAsync(storage.GetBlobContainerClient(options["source"]), options["pattern"], options["destination"]);
        }
    }

    private async Task UploadAsync(string source, BlobContainerClient container, string path)
    {
        foreach (string file in Directory.GetFiles(Path.Combine(folder, source)))
            await container.GetBlobClient($"{path}/{Path.GetFileName(file)}").UploadAsync(file, overwrite: true);
    }

    private async Task DownloadAsync(BlobContainerClient container, string pattern, string destination)
    {
        await foreach (var blob in container.GetBlobsAsync(new() { Prefix = pattern.TrimEnd('*') }))
        {
            string file = Path.Combine(folder, destination, blob.Name);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await container.GetBlobClient(blob.Name).DownloadToAsync(file);
        }
    }

    private static string[] Commands(CodeBlock block) => block.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex(
        @"^az storage blob (upload|download)-batch --connection-string ""\$\(cat data/connection-string\)"" ",
        RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Command();

    [GeneratedRegex("--(?<name>[a-z-]+) '?(?<value>[^ '\"]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Option();
}
