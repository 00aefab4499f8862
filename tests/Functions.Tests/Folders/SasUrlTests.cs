using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Tests.Folders;

public sealed class SasUrlTests
{
    private const string Good = "https://account.blob.core.windows.net/container/a/folder?sv=2025-01-01&sr=c&sp=rl&se=2030-01-02T00:00:00Z&sig=abc%3D";

    private static readonly DateTimeOffset s_end = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly StorageAccount s_own = new(new StorageOptions { AccountName = "own" });

    [Fact]
    public void A_folder_of_another_account_is_taken()
    {
        var parts = SasUrl.Parse(Good, s_own, "input_blobs", s_end);

        Assert.Equal(("account.blob.core.windows.net", "container", "a/folder"), (parts.Host, parts.BlobContainerName, parts.BlobName));
    }

    [Fact]
    public void A_url_that_would_not_fit_its_row_is_refused()
    {
        var refused = Assert.Throws<ApiException>(() => SasUrl.Parse(Good + "&x=" + new string('y', 8_000), s_own, "input_blobs", s_end));

        Assert.Contains("at most 8000 characters", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://", "http://")]
    [InlineData("account.blob.core.windows.net", "example.com")]
    [InlineData("account.blob.core.windows.net", "account.blob.core.windows.net.example.com")]
    [InlineData("account.blob.core.windows.net", "example.com#account.blob.core.windows.net")]
    [InlineData("account.blob.core.windows.net", "user@account.blob.core.windows.net")]
    [InlineData("account.blob.core.windows.net", "account.blob.core.windows.net:8443")]
    [InlineData("account.blob.core.windows.net", "account.queue.core.windows.net")]
    [InlineData("account.blob.core.windows.net", "account.blob.core.windows.net.")]
    [InlineData("account.blob.core.windows.net", "a.b.blob.core.windows.net")]
    [InlineData("account.blob.core.windows.net", "169.254.169.254")]
    [InlineData("account.blob", "own-secondary.blob")]
    [InlineData("account.blob.core.windows.net/container", "own.blob.core.windows.net/files")]
    [InlineData("account.blob.core.windows.net/container", "OWN.blob.core.windows.net/batches")]
    [InlineData("account.blob.core.windows.net/container", "own.blob.core.windows.net/other/../files")]
    [InlineData("account.blob.core.windows.net/container", "own.blob.core.windows.net/other/%2e%2e/files")]
    [InlineData("/container/", "/$root/")]
    [InlineData("/a/folder", "/a//folder")]
    [InlineData("&sig=abc%3D", "")]
    [InlineData("&se=2030-01-02T00:00:00Z", "")]
    [InlineData("2030-01-02", "2029-12-31")]
    [InlineData("2030-01-02T00:00:00Z", "2030-01-01T00:59:59Z")]
    [InlineData(Good, "not a url")]
    [InlineData(Good, "/relative")]
    public void Anything_else_is_refused_without_a_word_of_the_signature(string part, string replacement)
    {
        string url = Good.Replace(part, replacement, StringComparison.Ordinal);

        var refused = Assert.Throws<ApiException>(() => SasUrl.Parse(url, s_own, "input_blobs", s_end));

        Assert.Equal(400, refused.Status);
        Assert.DoesNotContain("abc", refused.Message, StringComparison.Ordinal);
    }
}
