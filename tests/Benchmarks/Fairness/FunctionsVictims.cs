using System.Net;
using System.Text.Json.Nodes;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.Benchmarks.Fairness;

/// <summary>Small requests whose waiting time is that of the functions, or of the queue of trainings.</summary>
internal static class FunctionsVictims
{
    private const string Infill = "/v1/infill";

    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    /// <summary>A batch of one line, until it is planned.</summary>
    public static Victim Plan { get; } = new("the plan of one line", async (client, stop) =>
    {
        string file = await client.UploadRequestsAsync(Infill, 1, _ =>
            new JsonObject { ["text"] = "And God said unto [MASK:1], Go." }, stop);
        return async cancellation =>
        {
            string id = await client.CreateBatchAsync(file, Infill, cancellation);
            await WaitAsync(client, $"/v1/batches/{id}", status => status != "validating", cancellation);
        };
    });

    /// <summary>A batch that fails at once, until its event arrives.</summary>
    public static Victim Webhook { get; } = new("the webhook of a batch", async (client, stop) =>
    {
        var listener = new HttpListener();
        string url = $"http://127.0.0.1:{FreePort.Find()}/";
        listener.Prefixes.Add(url);
        listener.Start();
        await client.PostAsync("/v1/webhook_endpoints", new { url = $"{url}hook" }, stop);
        string file = await client.UploadAsync("batch", [new { custom_id = "a line without a url" }], stop);
        return async cancellation =>
        {
            await client.CreateBatchAsync(file, Infill, cancellation);
            var context = await listener.GetContextAsync().WaitAsync(cancellation);
            context.Response.StatusCode = (int)HttpStatusCode.NoContent;
            context.Response.Close();
        };
    });

    /// <summary>A training of one step, until it has succeeded.</summary>
    public static Victim Training { get; } = new("a training of one line", async (client, stop) =>
    {
        string file = await client.UploadAsync("fine-tune", [new { prompt = "And God said unto ", completion = "Abram, Go forth." }], stop);
        return async cancellation =>
        {
            var job = await client.PostAsync("/v1/fine_tuning/jobs", new
            {
                model = client.Model,
                training_file = file,
                method = new { type = "supervised", supervised = new { hyperparameters = new { n_epochs = 1, lora = new { rank = 1 } } } },
            }, cancellation);
            await WaitAsync(client, $"/v1/fine_tuning/jobs/{TenantClient.Id(job)}", status => status == "succeeded", cancellation);
        };
    });

    private static async Task WaitAsync(TenantClient client, string path, Func<string, bool> isThere, CancellationToken cancellation)
    {
        while (true)
        {
            string status = (await client.GetAsync(path, cancellation))["status"]!.GetValue<string>();
            if (isThere(status))
                return;
            if (status is "failed" or "cancelled" or "expired")
                throw new StackException($"{path} is {status}");
            await Task.Delay(s_interval, cancellation);
        }
    }
}
