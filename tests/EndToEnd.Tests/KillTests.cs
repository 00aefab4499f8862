using System.Text.Json.Nodes;
using LLaDA.Batch.Local;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>Processes killed with SIGKILL while a batch goes through them.</summary>
public sealed class KillTests : IDisposable
{
    private const int NumBatches = 2, NumLines = 20;
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

        await UntilAsync(client, ids[0], batch => Status(batch) != "validating");
        LocalStackTests.Kill("LLaDA.Batch.Worker.dll", stack.ConnectionString);         // in the middle of a shard
        await UntilAsync(client, ids[0], batch => Status(batch) is not ("validating" or "in_progress"));
        LocalStackTests.Kill("LLaDA.Batch.Functions.dll", stack.ConnectionString);      // while it finishes

        foreach (string id in ids)
        {
            var ended = await UntilAsync(client, id, batch => Status(batch) is "completed" or "failed" or "expired" or "cancelled");
            Assert.Equal("completed", Status(ended));
            var output = await Batches.LinesAsync(client, ended, "output_file_id");
            Assert.Equal(Enumerable.Range(1, NumLines).Select(line => $"{line}"), output.Select(line => line["custom_id"]!.GetValue<string>()));
            Assert.Null(ended["error_file_id"]);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Status(JsonNode batch) => batch["status"]!.GetValue<string>();

    /// <summary>Asks again and again, also while nobody listens.</summary>
    private static async Task<JsonNode> UntilAsync(HttpClient client, string id, Func<JsonNode, bool> holds)
    {
        using var limit = new CancellationTokenSource(s_limit);
        using var timer = new PeriodicTimer(s_interval);
        while (true)
        {
            try
            {
                var batch = await Batches.GetAsync(client, $"/v1/batches/{id}");
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
