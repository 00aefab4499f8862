using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Worker.Tests.Observability;

public sealed class TrainingTraceTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private const int NumExamples = 4;
    private const string Secret = "nobody may read this";

    private readonly TensorThread _tensors = new();

    [Fact]
    public async Task Request_plan_run_and_finish_are_one_trace_and_steps_and_tokens_are_counted()
    {
        using var telemetry = new RecordedTelemetry();
        await using var trial = new TrainingTrial(fixture.NewConnectionString(), model.Folder, TinyModel.Id, _tensors);
        string examples = string
            .Concat(Enumerable.Range(1, NumExamples)
            .Select(index => $$"""{"prompt":"{{Secret}} {{index}}","completion":" brown fox"}""" + "\n"));
        var job = new FineTuningJobRecord { Epochs = 1, BatchSize = 1, LearningRateMultiplier = 1, LoraRank = 2, LoraAlpha = 4 };
        System.Diagnostics.ActivityContext request;
        using (var span = telemetry.BeginRequest())
        {
            request = span.Context;
            await trial.CreateAsync(job, examples);
        }

        await trial.RunAsync(job);

        Assert.Equal(FineTuningStatus.Succeeded, (await trial.FindAsync(job)).Status);
        var spans = telemetry.SpansOf(request.TraceId);
        Assert.Equal(["request", "plan-training", "train", "finish-training"], spans.Select(span => span.OperationName));
        Assert.All(spans.Skip(1), span => Assert.Equal((request.SpanId, job.Id), (span.ParentSpanId, span.GetTagItem(Telemetry.Job))));
        Assert.Equal(nameof(FineTuningStatus.Succeeded), spans[^1].GetTagItem(Telemetry.Status));
        Assert.True(telemetry.Sum(Telemetry.TrainingSteps) >= NumExamples);
        Assert.True(telemetry.Sum(Telemetry.TrainingTokens) >= (await trial.FindAsync(job)).TrainedTokens);
        Assert.True((await trial.FindAsync(job)).TrainedTokens > 0);
        Assert.All(
            spans.Select(RecordedTelemetry.TextOf).Concat(telemetry.Attributes),
            text => Assert.DoesNotContain(Secret, text, StringComparison.Ordinal));
    }

    public void Dispose() => _tensors.Dispose();
}
