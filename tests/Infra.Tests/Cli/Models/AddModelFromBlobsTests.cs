using System.Security.Cryptography;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using LLaDA.Batch.Cli.Models;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Batch.Infra.Tests.Cli.Models;

/// <summary><c>models add</c> with a folder in Blob storage.</summary>
public sealed class AddModelFromBlobsTests(StorageFixture fixture) : ModelCommandTests(fixture)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_model_comes_from_blob_storage_without_a_word_of_its_signature(bool isSigned)
    {
        var source = await SourceAsync();
        const BlobContainerSasPermissions allowed = BlobContainerSasPermissions.Read | BlobContainerSasPermissions.List;
        string query = isSigned ? source.GenerateSasUri(allowed, TimeProvider.System.GetUtcNow().AddHours(1)).Query : "";

        string output = await DoneAsync("models", "add", $"{source.Uri}/some/tiny/{query}");

        Assert.DoesNotContain("sig=", output, StringComparison.Ordinal);
        var manifest = await ManifestAsync((await FindAsync()).Folder);
        Assert.DoesNotContain("deeper.bin", manifest.Files.Keys);
        byte[] weights = await File.ReadAllBytesAsync(Folder.File(ModelFolder.Weights));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(weights)), manifest.Files[ModelFolder.Weights].Sha256);
    }

    [Theory]
    [InlineData("tiny", "sig=c2VjcmV0", "cannot be read")]
    [InlineData("broken", null, "it was truncated")]
    [InlineData("nothing", null, "There are no files")]
    public async Task A_place_in_blob_storage_that_holds_no_model_is_named_without_its_signature(
        string name, string? signature, string reason)
    {
        var source = await SourceAsync();
        byte[] weights = await File.ReadAllBytesAsync(Folder.File(ModelFolder.Weights));
        foreach (string file in new[] { "config.json", "tokenizer.json" })
            await source.GetBlobClient($"some/broken/{file}").UploadAsync(Folder.File(file));
        await source.GetBlobClient($"some/broken/{ModelFolder.Weights}").UploadAsync(new BinaryData(weights[..^1]));
        string query = signature is null ? "" : $"?sv=2024-11-04&sr=c&sp=rl&se=2099-01-01T00%3A00%3A00Z&{signature}";

        string url = $"{source.Uri}/some/{name}{query}";
        var (code, _, error) = await Operator.RunAsync("models", "add", url, "--connection-string", Connection);

        Assert.NotEqual(0, code);
        Assert.Contains($"/some/{name}", error, StringComparison.Ordinal);
        Assert.Contains(reason, error, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", error, StringComparison.Ordinal);
        Assert.Empty(await FoldersAsync());
    }

    [Fact]
    public async Task A_file_that_is_replaced_after_it_was_checked_is_not_added()
    {
        var source = await SourceAsync();
        using var input = await BlobModelInput.OpenAsync(new Uri($"{source.Uri}/some/tiny"), Storage, CancellationToken.None);
        var weights = source.GetBlobClient($"some/tiny/{ModelFolder.Weights}");
        await weights.UploadAsync(BinaryData.FromString("something else"), overwrite: true);

        var failure = await Assert.ThrowsAsync<RequestFailedException>(() => AddAsync(Storage, input));

        Assert.Equal(412, failure.Status);
        Assert.Empty(await FoldersAsync());
    }

    /// <summary>The model's files in a container of documents, in folder some/tiny.</summary>
    private async Task<BlobContainerClient> SourceAsync()
    {
        var source = Storage.Container("documents");
        await source.CreateAsync();
        foreach (string file in Directory.GetFiles(Folder.Path))
            await source.GetBlobClient($"some/tiny/{Path.GetFileName(file)}").UploadAsync(file);
        await source.GetBlobClient("some/tiny/deeper/deeper.bin").UploadAsync(BinaryData.FromString("not of the model"));
        return source;
    }
}
