using System.Text;
using Azure.Storage.Blobs;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Documents;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Batches.Documents;

/// <summary>Batches over folders of documents, and a worker that fills them.</summary>
internal static class Documenting
{
    public static async Task<BlobContainerClient> ContainerAsync(ControlPlane plane, string name)
    {
        var container = plane.Storage.Container(name);
        await container.CreateIfNotExistsAsync();
        return container;
    }

    public static async Task<BlobContainerClient> BoundAsync(ControlPlane plane)
    {
        await plane.Get<ContainerBindings>().BindAsync(Tenant, "corpus", "documents", accountUrl: null, CancellationToken.None);
        return await ContainerAsync(plane, "documents");
    }

    public static async Task UploadAsync(BlobContainerClient container, string name, string text) =>
        await container.GetBlobClient(name).UploadAsync(BinaryData.FromString(text));

    private static string Filled(string text) => text[..text.IndexOf("[MASK", StringComparison.Ordinal)]
        + "filled" + text[(text.IndexOf(']', StringComparison.Ordinal) + 1)..];

    public static string Folder(string prefix) => $$"""{"container":"corpus","prefix":"{{prefix}}"}""";

    public static async Task<HttpResponseMessage> PostAsync(ControlPlane plane, string input, string output, string? withoutGaps = null)
    {
        string json = $$$"""
            {
                "endpoint": "/v1/infill",
                "completion_window": "24h",
                "input_blobs": {{{input}}},
                "output_blobs": {{{output}}},
                "body": {"model": "{{{Model}}}", "steps": 4},
                "without_gaps": {{{(withoutGaps is null ? "null" : $"\"{withoutGaps}\"")}}}
            }
            """;
        using var body = new StringContent(json, Encoding.UTF8, "application/json");
        return await plane.Client.PostAsync("/v1/batches", body);
    }

    public static async Task<BatchRecord> CreatedAsync(ControlPlane plane, string input, string output, string? withoutGaps = null)
    {
        string id = (await ReadAsync(await PostAsync(plane, input, output, withoutGaps)))["id"]!.GetValue<string>();
        return (await plane.Batches.FindAsync(Tenant, id, CancellationToken.None))!;
    }

    /// <summary>Fills every document of the shards that a worker would get.</summary>
    public static async Task AnswerAsync(ControlPlane plane, BatchRecord batch, int? onlyShard = null)
    {
        var blobs = plane.Blobs(batch);
        var plan = (await blobs.FindPlanAsync(CancellationToken.None))!;
        foreach (var (shard, _) in plan.Shards.Index().Where(entry => !entry.Item.IsRefused && (onlyShard ?? entry.Index) == entry.Index))
        {
            var lines = await blobs.Shards.ReadAsync(plan.PlanId, shard, CancellationToken.None);
            Assert.All(lines, line => Assert.Equal(4, line.Body.GetProperty("steps").GetInt32()));
            var parts = lines.Select(line => OutputLines.Answered(line, new { text = Filled(line.Body.GetProperty("text").GetString()!) }))
                .ToList();
            await blobs.Parts.WriteAsync(shard, parts, new PartCounts(parts.Count, 0, 0, 0), CancellationToken.None);
        }
    }
}
