using System.ClientModel;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Files;
using OpenAI.FineTuning;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>A fine-tuning job by OpenAI's .NET client, and what it leaves.</summary>
public sealed class OpenAIFineTuningTests(StackFixture fixture)
{
    private const int NumExamples = 3;

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3), s_interval = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task Every_checkpoint_of_a_job_is_a_model_that_a_batch_can_name_until_it_is_deleted()
    {
        var client = new OpenAIClient(
            new ApiKeyCredential(fixture.Stack.ApiKey), new OpenAIClientOptions { Endpoint = new Uri(fixture.Stack.Address + "/v1") });
        using var http = fixture.Stack.CreateClient();
        var job = await TrainedAsync(client, http);

        var checkpoints = await job.GetCheckpointsAsync().ToListAsync();
        Assert.Equal(Enumerable.Range(1, NumExamples).Reverse(), checkpoints.Select(checkpoint => checkpoint.StepNumber));
        // 0 where chance masked nothing of the one short answer
        Assert.All(checkpoints, checkpoint => Assert.True(checkpoint.Metrics.TrainLoss >= 0));
        var known = (await client.GetOpenAIModelClient().GetModelsAsync()).Value.Select(model => model.Id).ToHashSet();
        string[] models = [.. checkpoints.Select(checkpoint => checkpoint.ModelId), job.Value!];
        Assert.Contains(job.Value!, known);
        Assert.Empty(checkpoints.Select(checkpoint => checkpoint.ModelId).Intersect(known));
        foreach (string model in models)
        {
            var batch = await Batches.RunAsync(
                http, "/v1/infill", Batches.Line("a", "/v1/infill", new() { ["model"] = model, ["text"] = "the [MASK:2] dog" }));
            var line = Assert.Single(await Batches.LinesAsync(http, batch, "output_file_id"));
            Assert.Equal(model, line["response"]!["body"]!["model"]!.GetValue<string>());
        }

        foreach (string model in models)
            Assert.True((await client.GetOpenAIModelClient().DeleteModelAsync(model)).Value.Deleted);
        var refused = await Batches.RunAsync(
            http, "/v1/infill", Batches.Line("a", "/v1/infill", new() { ["model"] = job.Value, ["text"] = "the [MASK:2] dog" }));
        Assert.Equal(
            ("failed", "model_not_found"),
            (refused["status"]!.GetValue<string>(), refused["errors"]!["data"]![0]!["code"]!.GetValue<string>()));
    }

    /// <summary>Each of its steps makes a checkpoint.</summary>
    private static async Task<FineTuningJob> TrainedAsync(OpenAIClient client, HttpClient http)
    {
        string examples = string
            .Concat(Enumerable.Range(1, NumExamples)
            .Select(index => $$"""{"prompt":"What is {{index}}?","completion":"A number."}""" + "\n"));
        var file = (
            await client.GetOpenAIFileClient()
            .UploadFileAsync(BinaryData.FromString(examples), "examples.jsonl", FileUploadPurpose.FineTune)).Value;
        var body = new JsonObject
        {
            ["model"] = await Batches.ModelAsync(http),
            ["training_file"] = file.Id,
            ["hyperparameters"] = new JsonObject { ["n_epochs"] = 1, ["batch_size"] = 1, ["lora"] = new JsonObject { ["rank"] = 2 } },
        };
        var job = await client.GetFineTuningClient()
            .FineTuneAsync(BinaryContent.Create(BinaryData.FromString(body.ToJsonString())), waitUntilCompleted: false, options: null);

        // The client itself looks every 30 seconds.
        using var limit = new CancellationTokenSource(s_limit);
        using var timer = new PeriodicTimer(s_interval);
        while (!job.HasCompleted && await timer.WaitForNextTickAsync(limit.Token))
            await job.UpdateStatusAsync(limit.Token);
        Assert.Equal("succeeded", job.Status.ToString());
        return job;
    }
}
