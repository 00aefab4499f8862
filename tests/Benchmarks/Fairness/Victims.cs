using System.Text.Json.Nodes;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Benchmarks.Fairness;

/// <summary>Small requests of a tenant that does nothing else.</summary>
internal static class Victims
{
    private const string Infill = "/v1/infill";

    /// <summary>Between two looks at a batch.</summary>
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    /// <summary>A batch of one line with one gap of unknown length, until its client sees it completed.</summary>
    public static Victim OneGap { get; } = new("a batch of one gap", async (client, stop) =>
    {
        string file = await client.UploadRequestsAsync(
            Infill, 1, _ => new JsonObject { ["text"] = "And God said unto [MASK], Go forth." }, stop);
        return async cancellation =>
        {
            string id = await client.CreateBatchAsync(file, Infill, cancellation);
            while (await StatusAsync(client, id, cancellation) != "completed")
                await Task.Delay(s_interval, cancellation);
        };
    });

    private static async Task<string> StatusAsync(TenantClient client, string id, CancellationToken cancellation)
    {
        string status = (await client.GetAsync($"/v1/batches/{id}", cancellation))["status"]!.GetValue<string>();
        return status is "failed" or "expired" or "cancelled" ? throw new StackException($"The batch is {status}") : status;
    }
}
