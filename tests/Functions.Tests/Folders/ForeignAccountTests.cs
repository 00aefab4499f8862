using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Tests.Webhooks;
using LLaDA.Batch.Shared.Batches;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Folders;

/// <summary>A folder whose storage account does not answer delays its batch and no other.</summary>
public sealed class ForeignAccountTests(StorageFixture fixture)
{
    private const string Signature = "sv=2024-08-04&sr=c&sp=rwl&se=2099-01-01T00%3A00%3A00Z&sig=c2ln";

    [Fact]
    public async Task A_batch_whose_account_does_not_resolve_fails_with_a_reason_after_five_short_tries()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await CreatedAsync(plane, "https://nosuchaccountatall.blob.core.windows.net/docs");

        for (int attempt = 1; attempt < 5; attempt++)
            await Assert.ThrowsAsync<FolderUnavailableException>(() => plane.PlanAsync(batch));
        Assert.Equal(BatchStatus.Validating, (await plane.ReloadAsync(batch)).Status);
        await plane.PlanAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal(BatchStatus.Failed, batch.Status);
        Assert.Contains("folder_not_accessible", batch.Errors, StringComparison.Ordinal);
        Assert.Contains("nosuchaccountatall", batch.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("c2ln", batch.Errors, StringComparison.Ordinal);
    }

    private static async Task<BatchRecord> CreatedAsync(ControlPlane plane, string url)
    {
        var body = new JsonObject
        {
            ["endpoint"] = "/v1/infill",
            ["completion_window"] = "24h",
            ["input_blobs"] = new JsonObject { ["url"] = $"{url}/in?{Signature}" },
            ["output_blobs"] = new JsonObject { ["url"] = $"{url}/out?{Signature}" },
            ["body"] = new JsonObject { ["model"] = Model },
        };
        var answer = await ReadAsync(await plane.Client.PostAsJsonAsync("/v1/batches", body));
        return (await plane.Batches.FindAsync(Tenant, answer["id"]!.GetValue<string>(), CancellationToken.None))!;
    }
}
