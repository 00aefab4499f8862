using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>Processes killed with SIGKILL while a batch goes through them.</summary>
public sealed class KillTests : IDisposable
{
    private const int NumBatches = 2, NumLines = 20, NumSteps = 20;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(4), s_interval = TimeSpan.FromMilliseconds(20);

    /// <summary>As short as storage allows, so that the leases and messages of a dead process expire soon.</summary>
    private static readonly Dictionary<string, string> s_settings = new()
    {
        ["Worker__LeaseDuration"] = "00:00:15",
        ["Triggers__VisibilityTimeout"] = "00:00:05",
        ["Triggers__Concurrency"] = "4",
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-kill-").FullName;

    [Fact]
    public async Task No_line_is_lost_or_doubled_when_a_worker_dies_in_a_shard_and_the_functions_while_they_plan_and_finish()
    {
        await using var stack = await StartAsync(_ => { });
        using var client = stack.CreateClient();
        string model = await Batches.ModelAsync(client);
        string[] lines = Lines(() => new() { ["model"] = model, ["text"] = "And God said, [MASK:8]." });
        List<string> ids = [];
        for (int batch = 0; batch < NumBatches; batch++)
            ids.Add(await Batches.CreateAsync(client, "/v1/infill", lines));
        StackSignals.Kill("LLaDA.Batch.Functions.dll", stack);      // while it plans

        await UntilAsync(client, $"/v1/batches/{ids[0]}", batch => Status(batch) != "validating");
        StackSignals.Kill("LLaDA.Batch.Worker.dll", stack);         // in the middle of a shard
        await UntilAsync(client, $"/v1/batches/{ids[0]}", batch => Status(batch) is not ("validating" or "in_progress"));
        StackSignals.Kill("LLaDA.Batch.Functions.dll", stack);      // while it finishes

        foreach (string id in ids)
        {
            var ended = await UntilAsync(client, $"/v1/batches/{id}", HasEnded);
            Assert.Equal("completed", Status(ended));
            await AssertEachLineOnceAsync(client, ended);
        }
    }

    [Fact]
    public async Task A_training_whose_workers_are_killed_ends_with_the_losses_of_an_undisturbed_one()
    {
        const int seed = 20261, numKills = 2;
        await using var stack = await StartAsync(_ => { });
        using var client = stack.CreateClient();
        string[] losses = [await TrainAsync(client, _ => Task.CompletedTask), ""];

        var random = new Random(seed);
        int kills = 0, atTokens = 0;
        losses[1] = await TrainAsync(client, tokens =>
        {
            if (kills == numKills || tokens < atTokens)
                return Task.CompletedTask;
            kills++;
            atTokens = tokens + random.Next(1, 200);
            StackSignals.Kill("LLaDA.Batch.Worker.dll", stack);
            return Task.CompletedTask;
        });

        Assert.Equal(numKills, kills);
        Assert.Equal(losses[0], losses[1]);
        Assert.Equal(1 + NumSteps, losses[0].Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task A_worker_that_is_asked_to_stop_hands_its_shard_and_its_training_to_the_next_and_exits_with_0()
    {
        ConcurrentQueue<string> reported = [];
        await using var stack = await StartAsync(reported.Enqueue);
        using var client = stack.CreateClient();
        string model = await Batches.ModelAsync(client);
        string[] lines = Lines(() => new() { ["model"] = model, ["text"] = "And God said, [MASK:64].", ["steps"] = 64 });
        string batch = "";
        bool isAsked = false;
        string losses = await TrainAsync(client, async tokens =>
        {
            if (isAsked || tokens == 0)
                return;
            isAsked = true;
            batch = await Batches.CreateAsync(client, "/v1/infill", lines);
            await UntilAsync(client, $"/v1/batches/{batch}", shard => Status(shard) != "validating");
            StackSignals.Terminate("LLaDA.Batch.Worker.dll", stack);
        });

        var ended = await UntilAsync(client, $"/v1/batches/{batch}", HasEnded);
        await AssertEachLineOnceAsync(client, ended);
        Assert.Equal(1 + NumSteps, losses.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        string restart = Assert.Single(reported, line => line.Contains("stopped with exit code", StringComparison.Ordinal));
        Assert.Contains("stopped with exit code 0", restart, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Task<LocalStack> StartAsync(Action<string> report) =>
        LocalStack.StartAsync(new LocalStackOptions(_folder, Settings: s_settings), report, CancellationToken.None);

    /// <param name="body">Called for each line, since a node has one parent.</param>
    private static string[] Lines(Func<JsonObject> body) =>
        [.. Enumerable.Range(1, NumLines).Select(line => Batches.Line($"{line}", "/v1/infill", body()))];

    private static bool HasEnded(JsonNode batch) => Status(batch) is "completed" or "failed" or "expired" or "cancelled";

    private static async Task AssertEachLineOnceAsync(HttpClient client, JsonNode batch)
    {
        var output = await Batches.LinesAsync(client, batch, "output_file_id");
        Assert.Equal(Enumerable.Range(1, NumLines).Select(line => $"{line}"), output.Select(line => line["custom_id"]!.GetValue<string>()));
        Assert.Null(batch["error_file_id"]);
    }

    /// <param name="onTokens">Called repeatedly while the job runs, with the number of tokens at its last checkpoint.</param>
    /// <returns>The metrics file of the succeeded job.</returns>
    private static async Task<string> TrainAsync(HttpClient client, Func<int, Task> onTokens)
    {
        var examples = Enumerable.Range(1, 8)
            .Select(index => $$"""{"prompt":"And God called {{index}}","completion":" the light Day."}""" + "\n");
        string file = await Batches.UploadAsync(client, string.Concat(examples), "fine-tune");
        var parameters = new { n_epochs = 5, batch_size = 2, lora = new { rank = 2 } };
        var method = new { type = "supervised", supervised = new { hyperparameters = parameters } };
        var request = new { model = await Batches.ModelAsync(client), training_file = file, seed = 1, method };
        using var response = await client.PostAsJsonAsync("/v1/fine_tuning/jobs", request);
        string id = JsonNode.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync())!["id"]!.GetValue<string>();
        JsonNode job;
        using var timer = new PeriodicTimer(s_interval);
        do
        {
            await timer.WaitForNextTickAsync();     // a key has only so many requests a second
            job = await UntilAsync(client, $"/v1/fine_tuning/jobs/{id}", _ => true);
            if (Status(job) == "running")
                await onTokens(job["trained_tokens"]?.GetValue<int>() ?? 0);
        }
        while (Status(job) is not ("succeeded" or "failed" or "cancelled"));
        Assert.Equal("succeeded", Status(job));
        string tuned = job["fine_tuned_model"]!.GetValue<string>();
        var models = (await Batches.GetAsync(client, "/v1/models"))["data"]!.AsArray();
        Assert.Contains(models, model => model!["id"]!.GetValue<string>() == tuned);
        return await client.GetStringAsync($"/v1/files/{job["result_files"]![0]}/content");
    }

    private static string Status(JsonNode batch) => batch["status"]!.GetValue<string>();

    /// <summary>Polls until a condition holds, also while the functions are down.</summary>
    private static async Task<JsonNode> UntilAsync(HttpClient client, string path, Func<JsonNode, bool> holds)
    {
        using var limit = new CancellationTokenSource(s_limit);
        using var timer = new PeriodicTimer(s_interval);
        while (true)
        {
            try
            {
                var batch = await Batches.GetAsync(client, path);
                if (holds(batch))
                    return batch;
            }
            catch (HttpRequestException)
            {
                // The functions are being started again.
            }
            await timer.WaitForNextTickAsync(limit.Token);
        }
    }
}
