using System.Text.Json.Nodes;

namespace LLaDA.Batch.Benchmarks.Fairness;

/// <summary>Attacks on the worker's time, each the largest that the API takes.</summary>
internal static class WorkerAttacks
{
    private const string Infill = "/v1/infill", Score = "/v1/score";

    public static Attack Trainings { get; } = new("3 trainings of 50 epochs, 256 rows and rank 512", "steps", StartTrainingsAsync);

    /// <summary>As many lines as a night's batch has, each of them small.</summary>
    public static Attack Lines { get; } = new("10,000 lines of one gap", "lines", (client, stop) =>
        StartBatchAsync(
            client, Infill, 10_000, line => new JsonObject { ["text"] = $"And God said unto [MASK] in the year {line}." }, stop));

    public static IReadOnlyList<Attack> All { get; } =
    [
        new("40 score lines of 65,536 samples", "lines", (client, stop) => StartBatchAsync(client, Score, 40, line => new JsonObject
        {
            ["prompt"] = $"And God said to the {line}. of them",
            ["completions"] = Texts(16, "Go forth into the land, and take number "),
            ["num_samples"] = 65_536,
        }, stop)),
        new("4 score lines of 256 long completions", "lines", (client, stop) => StartBatchAsync(client, Score, 4, line => new JsonObject
        {
            ["prompt"] = $"And God said to the {line}. of them",
            ["completions"] = Texts(256, string.Concat(Enumerable.Repeat("Go forth into the land, ", 50))),
        }, stop)),
        new("3 lines of 4,096 open gaps", "lines", (client, stop) => StartBatchAsync(client, Infill, 3, line => new JsonObject
        {
            ["text"] = string.Concat(Enumerable.Repeat("And God said unto [MASK]. ", 4096)),
            ["max_gap_length"] = 64,
        }, stop)),
        Trainings,
    ];

    /// <summary>A batch whose progress is counted in lines, parts of a line included.</summary>
    public static async Task<Func<CancellationToken, Task<double>>> StartBatchAsync(
        TenantClient client, string endpoint, int count, Func<int, JsonObject> body, CancellationToken cancellation)
    {
        string file = await client.UploadRequestsAsync(endpoint, count, body, cancellation);
        string id = await client.CreateBatchAsync(file, endpoint, cancellation);
        return async stop =>
        {
            var batch = await client.GetAsync($"/v1/batches/{id}", stop);
            double share = batch["progress"]?["share"]?.GetValue<double>()
                ?? (double)batch["request_counts"]!["completed"]!.GetValue<int>() / count;
            return share * count;
        };
    }

    private static JsonArray Texts(int count, string text) => [.. Enumerable.Range(1, count).Select(number => (JsonNode)$"{text}{number}")];

    private static async Task<Func<CancellationToken, Task<double>>> StartTrainingsAsync(
        TenantClient client, CancellationToken cancellation)
    {
        const int rows = 256;
        var examples = Enumerable.Range(1, 2 * rows).Select(number => new
        {
            prompt = $"And God said to the {number}. of them, ",
            completion = "Go forth into the land that I shew thee, and take with thee of every living thing.",
        });
        string file = await client.UploadAsync("fine-tune", examples, cancellation);
        List<string> ids = [];
        for (int number = 0; number < 3; number++)
        {
            var hyperparameters = new { n_epochs = 50, batch_size = rows, lora = new { rank = 512 } };
            ids.Add(TenantClient.Id(await client.PostAsync("/v1/fine_tuning/jobs", new
            {
                model = client.Model,
                training_file = file,
                method = new { type = "supervised", supervised = new { hyperparameters } },
            }, cancellation)));
        }
        return async stop =>
        {
            double steps = 0;
            foreach (string id in ids)
            {
                var events = await client.GetAsync($"/v1/fine_tuning/jobs/{id}/events?limit=100", stop);
                steps += events["data"]!.AsArray().Max(entry => entry!["data"]?["step"]?.GetValue<int>() ?? 0);
            }
            return steps;
        };
    }
}
