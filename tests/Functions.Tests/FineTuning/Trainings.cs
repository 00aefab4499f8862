using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.FineTuning;

/// <summary>Fine-tuning jobs on the control plane, with a worker that trains nothing.</summary>
internal static class Trainings
{
    public const int NumSteps = 6;

    public static string Examples(int count) =>
        string.Concat(Enumerable.Range(1, count).Select(index => $$"""{"prompt":"question {{index}}","completion":"answer"}""" + "\n"));

    public static async Task<string> UploadAsync(ControlPlane plane, string content) =>
        (await plane.UploadAsync(content, FilePurpose.FineTune))["id"]!.GetValue<string>();

    /// <param name="extra">Further properties of the body.</param>
    public static async Task<HttpResponseMessage> PostAsync(ControlPlane plane, string? examples = null, JsonObject? extra = null)
    {
        var body = new JsonObject { ["model"] = Model, ["training_file"] = await UploadAsync(plane, examples ?? Examples(8)) };
        foreach (var (name, value) in extra ?? [])
            body[name] = value?.DeepClone();
        return await plane.Client.PostAsJsonAsync("/v1/fine_tuning/jobs", body);
    }

    public static async Task<FineTuningJobRecord> CreatedAsync(ControlPlane plane, string? examples = null, JsonObject? extra = null) =>
        await FindAsync(plane, (await ReadAsync(await PostAsync(plane, examples, extra)))["id"]!.GetValue<string>());

    public static async Task<FineTuningJobRecord> PlannedAsync(ControlPlane plane, string? examples = null, JsonObject? extra = null)
    {
        var job = await CreatedAsync(plane, examples, extra);
        await PlanAsync(plane, job);
        return await FindAsync(plane, job.Id);
    }

    public static Task PlanAsync(ControlPlane plane, FineTuningJobRecord job) =>
        plane.Get<PlanFineTuningHandler>().RunAsync(new TrainingMessage(job.Tenant, job.RowKey), CancellationToken.None);

    public static Task FinishAsync(ControlPlane plane, FineTuningJobRecord job) =>
        plane.Get<FinishFineTuningHandler>().RunAsync(new TrainingMessage(job.Tenant, job.RowKey), CancellationToken.None);

    public static async Task<FineTuningJobRecord> FindAsync(ControlPlane plane, string id) =>
        (await plane.Get<FineTuningStore>().FindAsync(Tenant, id, CancellationToken.None))!;

    public static async Task<JsonNode> GetAsync(ControlPlane plane, string path) =>
        await ReadAsync(await plane.Client.GetAsync("/v1/fine_tuning/jobs" + path));

    /// <summary>Does what a worker does to the records, up to a step.</summary>
    /// <param name="isRegistered">False for a worker that dies once the checkpoint is published.</param>
    public static async Task<FineTuningJobRecord> TrainAsync(
        ControlPlane plane, FineTuningJobRecord job, int step = NumSteps, bool isRegistered = true)
    {
        var (jobs, events, files) = (plane.Get<FineTuningStore>(), plane.Get<FineTuningEvents>(), plane.Files);
        var from = (await plane.Get<ModelCatalog>().FindAsync(job.Tenant, job.Model, CancellationToken.None))!;
        var running = (await jobs.UpdateAsync(job, current =>
        {
            (current.Status, current.RunNumber, current.NumSteps, current.EstimatedFinishAt) = (
                FineTuningStatus.Running, current.RunNumber + 1, NumSteps, plane.Time.GetUtcNow().AddMinutes(-1));
            (
                current.Step, current.CheckpointRun, current.CheckpointStep,
                current.TrainedTokens) = (step, current.RunNumber, step, 100 * step);
            return true;
        }, CancellationToken.None)).Row!;
        var metricsEvent = new FineTuningEvent(FineTuningEventKind.Metrics, $"Step {step}/{NumSteps}: training loss=1.50")
        {
            Step = step,
            Data = $$"""{"step":{{step}},"train_loss":1.5}""",
        };
        await events.AddAsync(running, metricsEvent, CancellationToken.None);
        if (isRegistered)
            await plane.Get<FineTunedModels>().AddCheckpointAsync(
                running, from,
                new CheckpointRecord
                {
                    Step = step, RunNumber = running.RunNumber, TrainLoss = 1.5, ValidLoss = 2, Measures = """{"margin":0.25}""",
                },
                CancellationToken.None);
        if (step == NumSteps)
        {
            await using var metrics = files.Write(running.Tenant, running.ResultFileKey!, CancellationToken.None);
            await metrics.Content.WriteAsync("step,train_loss\n"u8.ToArray());
            await metrics.CompleteAsync();
        }
        return running;
    }
}
