using System.Text.Json.Nodes;

namespace LLaDA.Batch.Benchmarks.Soak;

/// <summary>Sends mixed work of one tenant: one job after another, each watched to its end.</summary>
internal sealed class SoakTenant(SoakClient client, string model, Random random)
{
    private const int MaxLines = 24, OneTrainingIn = 12, OneCancelIn = 6;
    private static readonly TimeSpan s_poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly List<SoakJob> _jobs = [];

    public SoakClient Client => client;

    public IReadOnlyList<SoakJob> Jobs => _jobs;

    /// <summary>Runs until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var job = random.Next(OneTrainingIn) == 0 ? await TrainAsync(stop) : await BatchAsync(stop);
                _jobs.Add(job);
                if (job.IsCancelled)
                {
                    await Task.Delay(TimeSpan.FromSeconds(random.NextDouble() * 10), stop);
                    await TryCancelAsync(job, stop);
                }
                if (job.Kind != "upload")
                    await WatchAsync(job, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The time is over.
        }
    }

    public static bool HasEnded(JsonNode job) =>
        job["status"]!.GetValue<string>() is "completed" or "failed" or "expired" or "cancelled" or "succeeded";

    private async Task<SoakJob> BatchAsync(CancellationToken stop)
    {
        string[] kinds = ["infill", "completions", "chat/completions", "score"];
        string kind = kinds[random.Next(kinds.Length)], endpoint = $"/v1/{kind}";
        int count = random.Next(1, MaxLines + 1);
        bool isCancelled = random.Next(OneCancelIn) == 0;
        var lines = Enumerable.Range(1, count).Select(line => new JsonObject
        {
            ["custom_id"] = $"{line}", ["method"] = "POST", ["url"] = endpoint, ["body"] = Body(kind),
        }.ToJsonString());
        var file = await client.UploadAsync(string.Join('\n', lines), "batch", stop);
        var request = new { input_file_id = file.Id, endpoint, completion_window = "24h" };
        return await CreateAsync(kind, "/v1/batches", request, file, count, isCancelled, stop);
    }

    /// <returns>The accepted job; the upload where Azurite has forgotten it meanwhile.</returns>
    private async Task<SoakJob> CreateAsync(
        string kind, string path, object request, (string Id, WriteTime Time) file, int count, bool isCancelled, CancellationToken stop)
    {
        try
        {
            var (created, accepted) = await client.PostAsync(path, request, stop);
            return new SoakJob(kind, $"{path}/{created["id"]}", count, isCancelled, file.Time, accepted);
        }
        catch (HttpRequestException refused) when (refused.Message.Contains("file_not_found", StringComparison.Ordinal))
        {
            return new SoakJob("upload", $"/v1/files/{file.Id}", 0, IsCancelled: false, file.Time, file.Time);
        }
    }

    private JsonObject Body(string kind) => kind switch
    {
        "infill" => new() { ["model"] = model, ["text"] = $"And God said, [MASK:{random.Next(1, 9)}] the light." },
        "completions" => new() { ["model"] = model, ["prompt"] = "In the beginning", ["max_tokens"] = random.Next(1, 9) },
        "chat/completions" => new()
        {
            ["model"] = model, ["max_tokens"] = 8,
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "What is a king?" }),
        },
        _ => new() { ["model"] = model, ["prompt"] = "In the", ["completions"] = new JsonArray(" beginning", " end"), ["num_samples"] = 4 },
    };

    private async Task<SoakJob> TrainAsync(CancellationToken stop)
    {
        var examples = Enumerable.Range(1, 6).Select(index => $$"""{"prompt":"And God called {{index}}","completion":" the light Day."}""");
        var file = await client.UploadAsync(string.Join('\n', examples), "fine-tune", stop);
        var parameters = new { n_epochs = 3, batch_size = 2, lora = new { rank = 2 } };
        var method = new { type = "supervised", supervised = new { hyperparameters = parameters } };
        var request = new { model, training_file = file.Id, seed = 1, method };
        return await CreateAsync("training", "/v1/fine_tuning/jobs", request, file, count: 0, isCancelled: false, stop);
    }

    private async Task TryCancelAsync(SoakJob job, CancellationToken stop)
    {
        try
        {
            await client.PostAsync($"{job.Path}/cancel", new { }, stop);
        }
        catch (HttpRequestException)
        {
            // It has ended, or Azurite has forgotten it.
        }
    }

    /// <summary>Waits for the end of a job, and then goes to the next one: the check at the end finds what has become of it.</summary>
    private async Task WatchAsync(SoakJob job, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(s_poll);
        var until = TimeProvider.System.GetUtcNow() + s_patience;
        while (TimeProvider.System.GetUtcNow() < until && await client.FindAsync(job.Path, stop) is { } state && !HasEnded(state))
            await timer.WaitForNextTickAsync(stop);
    }
}
