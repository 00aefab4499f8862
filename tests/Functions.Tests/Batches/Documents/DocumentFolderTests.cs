using System.Net;
using System.Text.Json.Nodes;
using Azure.Storage.Sas;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Documents;
using static LLaDA.Batch.Functions.Tests.Batches.Documents.Documenting;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Batches.Documents;

/// <summary>Which folders a batch of documents may read and write.</summary>
public sealed class DocumentFolderTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_folder_may_be_shared_by_a_signature_that_nobody_sees_again()
    {
        await using var plane = await StartAsync(fixture);
        var container = await ContainerAsync(plane, "shared");
        await UploadAsync(container, "in/a.txt", "[MASK:2]");
        string Url(string prefix, TimeSpan time) =>
            $"{container.Uri}/{prefix}{container.GenerateSasUri(BlobContainerSasPermissions.All, plane.Time.GetUtcNow() + time).Query}";
        string signature = Url("in/", TimeSpan.FromDays(2));

        await AssertErrorAsync(
            await PostAsync(
                plane, $$"""{"url":"{{Url("in", TimeSpan.FromHours(24.5))}}"}""", $$"""{"url":"{{Url("out", TimeSpan.FromDays(2))}}"}"""),
                HttpStatusCode.BadRequest, "input_blobs");
        var batch = await CreatedAsync(plane, $$"""{"url":"{{signature}}"}""", $$"""{"url":"{{Url("out", TimeSpan.FromDays(2))}}"}""");
        await plane.PlanAsync(batch);
        await AnswerAsync(plane, batch);
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal(BatchStatus.Completed, batch.Status);
        Assert.Equal("filled", (await container.GetBlobClient("out/a.txt").DownloadContentAsync()).Value.Content.ToString());
        string seen = await plane.Client.GetStringAsync($"/v1/batches/{batch.Id}");
        Assert.Equal($"{container.Uri}/in/", JsonNode.Parse(seen)!["input_blobs"]!["url"]!.GetValue<string>());
        string secret = signature[(signature.IndexOf("sig=", StringComparison.Ordinal) + 4)..];
        Assert.DoesNotContain("sig=", seen + batch.InputFolder + batch.OutputFolder, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, seen + batch.InputFolder + batch.OutputFolder, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"container":"files"}""", HttpStatusCode.NotFound, null)]
    [InlineData("""{"container":"batches"}""", HttpStatusCode.NotFound, null)]
    [InlineData("""{"container":"nothing"}""", HttpStatusCode.NotFound, null)]
    [InlineData("""{"container":"corpus/../files"}""", HttpStatusCode.NotFound, null)]
    [InlineData("""{"container":"corpus","prefix":"../files/"}""", HttpStatusCode.BadRequest, "input_blobs")]
    [InlineData("""{"container":"corpus","prefix":"a//b"}""", HttpStatusCode.BadRequest, "input_blobs")]
    [InlineData("""{"container":"corpus","prefix":7}""", HttpStatusCode.BadRequest, "input_blobs.prefix")]
    [InlineData("""{"container":"corpus","url":"https://a.blob.core.windows.net/b?sig=c"}""", HttpStatusCode.BadRequest, "input_blobs")]
    [InlineData("""{}""", HttpStatusCode.BadRequest, "input_blobs")]
    [InlineData("""{"container":"corpus","prefix":"out"}""", HttpStatusCode.BadRequest, "output_blobs")]
    [InlineData("""{"container":"corpus"}""", HttpStatusCode.BadRequest, "output_blobs")]
    public async Task A_folder_that_may_not_be_used_is_refused(string input, HttpStatusCode status, string? parameter)
    {
        await using var plane = await StartAsync(fixture);
        await BoundAsync(plane);

        await AssertErrorAsync(await PostAsync(plane, input, """{"container":"corpus","prefix":"out/"}"""), status, parameter);
    }

    [Fact]
    public async Task A_container_that_is_bound_to_another_tenant_does_not_exist()
    {
        await using var plane = await StartAsync(fixture);
        await plane.Get<ContainerBindings>().BindAsync("other", "corpus", "corpus", accountUrl: null, CancellationToken.None);

        await AssertErrorAsync(
            await PostAsync(plane, """{"container":"corpus","prefix":"in"}""", """{"container":"corpus","prefix":"out"}"""),
            HttpStatusCode.NotFound, null);
    }

    [Theory]
    [InlineData("files", null)]
    [InlineData("batches", null)]
    [InlineData("azure-webjobs-hosts", null)]
    [InlineData("$web", null)]
    [InlineData("corpus\n", null)]
    [InlineData("corpus", "http://account.blob.core.windows.net")]
    public async Task What_is_the_services_own_or_no_name_cannot_be_bound(string container, string? account)
    {
        await using var plane = await StartAsync(fixture);

        await Assert.ThrowsAsync<ArgumentException>(
            () => plane.Get<ContainerBindings>()
            .BindAsync(Tenant, "corpus", container, account is null ? null : new Uri(account), CancellationToken.None));
    }

    [Theory]
    [InlineData("empty", "empty_folder")]
    [InlineData("gone", "folder_not_accessible")]
    public async Task A_folder_without_documents_and_one_that_is_not_there_fail_the_batch(string name, string code)
    {
        await using var plane = await StartAsync(fixture);
        await BoundAsync(plane);
        await plane.Get<ContainerBindings>().BindAsync(Tenant, "gone", "gone", accountUrl: null, CancellationToken.None);
        await ContainerAsync(plane, "empty");
        await plane.Get<ContainerBindings>().BindAsync(Tenant, "empty", "empty", accountUrl: null, CancellationToken.None);

        var batch = await CreatedAsync(plane, $$"""{"container":"{{name}}"}""", """{"container":"corpus","prefix":"out"}""");
        await plane.PlanAsync(batch);

        Assert.Contains(code, (await plane.ReloadAsync(batch)).Errors, StringComparison.Ordinal);
    }
}
