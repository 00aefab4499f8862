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

    /// <summary>As short as storage allows, so that what a dead process held is soon free.</summary>
    private static readonly Dictionary<string, string> s_settings = new() { ["Worker__LeaseDuration"] = "00:00:15", ["Triggers__VisibilityTimeout"] = "00:00:05", ["Triggers__Concurrency"] = "4" };

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-kill-").FullName;

    [Fact]
    public async Task No_line_is_lost_or_doubled_when_a_worker_dies_in_a_shard_and_the_functions_while_they_plan_and_finish()
    {
        await using var stack = await LocalStack.StartAsync(new LocalStackOptions(_folder, Settings: s_settings), _ => { }, CancellationToken.None);
        using var client = stack.CreateClient();
        string model = await Batches.ModelAsync(client);
        string[] lines = [.. Enumerable.Range(1, NumLines).Select(line => Batches.Line($"{line}", "/v1/infill", new() { ["model"] = model, ["text"] = "And God said, [MASK:8]." }))];
        List<string> ids = [];
        for (int batch = 0; batch < NumBatches; batch++)
            ids.Add(await Batches.CreateAsync(client, "/v1/infill", lines));
        LocalStackTests.Kill("LLaDA.Batch.Functions.dll", stack.ConnectionString);      // while it plans

        await UntilAsync(client, $"/v1/batches/{ids[0]}", batch => Status(batch) != "validating");
        LocalStackTests.Kill("LLaDA.Batch.Worker.dll", stack.ConnectionString);         // in the middle of a shard
        await UntilAsync(client, $"/v1/batches/{ids[0]}", batch => Status(batch) is not ("validating" or "in_progress"));
        LocalStackTests.Kill("LLaDA.Batch.Functions.dll", stack.ConnectionString);      // while it finishes

        foreach (string id in ids)
        {
            var ended = await UntilAsync(client, $"/v1/batches/{id}", batch => Status(batch) is "completed" or "failed" or "expired" or "cancelled");
            Assert.Equal("completed", Status(ended));
            var output = await Batches.LinesAsync(client, ended, "output_file_id");
            Assert.Equal(Enumerable.Range(1, NumLines).Select(line => $"{line}"), output.Select(line => line["custom_id"]!.GetValue<string>()));
            Assert.Null(ended["error_file_id"]);
        }
    }

    [Fact]
    public async Task A_training_whose_workers_are_killed_ends_with_the_losses_of_an_undisturbed_one()
    {
        const int seed = 20261, numKills = 2;
        await using var stack = await LocalStack.StartAsync(new LocalStackOptions(_folder, Settings: s_settings), _ => { }, CancellationToken.None);
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
            LocalStackTests.Kill("LLaDA.Batch.Worker.dll", stack.ConnectionString);
            return Task.CompletedTask;
        });

        Assert.Equal(numKills, kills);
        Assert.Equal(losses[0], losses[1]);
        Assert.Equal(1 + NumSteps, losses[0].Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public async Task A_worker_that_is_told_to_stop_hands_its_shard_and_its_training_to_the_next_and_ends_well()
    {
        ConcurrentQueue<string> said = [];
        await using var stack = await LocalStack.StartAsync(new LocalStackOptions(_folder, Settings: s_settings), said.Enqueue, CancellationToken.None);
        using var client = stack.CreateClient();
        string model = await Batches.ModelAsync(client);
        string[] lines = [.. Enumerable.Range(1, NumLines).Select(line => Batches.Line($"{line}", "/v1/infill", new() { ["model"] = model, ["text"] = "And God said, [MASK:64].", ["steps"] = 64 }))];
        string batch = "";
        bool isTold = false;
        string losses = await TrainAsync(client, async tokens =>
        {
            if (isTold || tokens == 0)
                return;
            isTold = true;
            batch = await Batches.CreateAsync(client, "/v1/infill", lines);
            await UntilAsync(client, $"/v1/batches/{batch}", shard => Status(shard) != "validating");
            LocalStackTests.Terminate("LLaDA.Batch.Worker.dll", stack.ConnectionString);
        });

        var ended = await UntilAsync(client, $"/v1/batches/{batch}", shard => Status(shard) is "completed" or "failed" or "expired" or "cancelled");
        Assert.Equal(Enumerable.Range(1, NumLines).Select(line => $"{line}"), (await Batches.LinesAsync(client, ended, "output_file_id")).Select(line => line["custom_id"]!.GetValue<string>()));
        Assert.Null(ended["error_file_id"]);
        Assert.Equal(1 + NumSteps, losses.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("stopped with exit code 0", Assert.Single(said, word => word.Contains("stopped with exit code", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <param name="onTokens">Told again and again how many tokens the last checkpoint has seen, once the training is at work.</param>
    /// <returns>The file of metrics of a job that has succeeded.</returns>
    private static async Task<string> TrainAsync(HttpClient client, Func<int, Task> onTokens)
    {
        string file = await Batches.UploadAsync(client, string.Concat(Enumerable.Range(1, 8).Select(index => $$"""{"prompt":"And God called {{index}}","completion":" the light Day."}""" + "\n")), "fine-tune");
        var parameters = new { n_epochs = 5, batch_size = 2, lora = new { rank = 2 } };
        var method = new { type = "supervised", supervised = new { hyperparameters = parameters } };
        using var response = await client.PostAsJsonAsync("/v1/fine_tuning/jobs", new { model = await Batches.ModelAsync(client), training_file = file, seed = 1, method });
        string id = JsonNode.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync())!["id"]!.GetValue<string>();
        JsonNode job;
        do
        {
            job = await UntilAsync(client, $"/v1/fine_tuning/jobs/{id}", _ => true);
            if (Status(job) == "running")
                await onTokens(job["trained_tokens"]?.GetValue<int>() ?? 0);
        }
        while (Status(job) is not ("succeeded" or "failed" or "cancelled"));
        Assert.Equal("succeeded", Status(job));
        Assert.Contains((await Batches.GetAsync(client, "/v1/models"))["data"]!.AsArray(), model => model!["id"]!.GetValue<string>() == job["fine_tuned_model"]!.GetValue<string>());
        return await client.GetStringAsync($"/v1/files/{job["result_files"]![0]}/content");
    }

    private static string Status(JsonNode batch) => batch["status"]!.GetValue<string>();

    /// <summary>Asks again and again, also while nobody listens.</summary>
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
                // It is being started again.
            }
            await timer.WaitForNextTickAsync(limit.Token);
        }
    }
}
