using System.Diagnostics;
using System.Text;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Jobs;
using LLaDA.Batch.Worker.Models;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Worker.Tests.Observability;

/// <summary>A batch that really runs, and what it leaves in traces and metrics.</summary>
public sealed class BatchTraceTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private const int NumLines = 5;
    private const string Secret = "nobody may read this";

    private readonly TensorThread _tensors = new();
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly string _connectionString = fixture.NewConnectionString();

    private StorageAccount Storage => new(new StorageOptions { ConnectionString = _connectionString });

    [Fact]
    public async Task Request_plan_shard_and_finish_are_one_trace_also_when_messages_come_twice_or_from_the_sweep()
    {
        using var telemetry = new RecordedTelemetry();
        using var models = TinyModel.NewHost(model.Folder, _tensors, await fixture.NewAccountAsync());
        await using var process = new TrialProcess(_connectionString, new FaultyTransport(Fault.None, 0), isRetried: false, models, _time);
        var (batch, request) = await CreatedAsync(telemetry);

        // Its first message was lost: the sweep sends another one.
        _time.Advance(TimeSpan.FromMinutes(3));
        await process.Sweep.RunAsync(CancellationToken.None);
        await TakeAsync<PlanMessage>(StorageNames.PlanQueue, process.Plan.RunAsync);
        var shard = await TakeAsync<ShardMessage>(StorageNames.GenerateQueue(StorageNames.DefaultProfile), process.Shards.RunAsync);
        await process.Shards.RunAsync(shard, CancellationToken.None);
        await TakeAsync<FinishMessage>(StorageNames.FinishQueue, process.Finish.RunAsync);

        var spans = telemetry.SpansOf(request.TraceId);
        Assert.Equal(["request", "plan", "shard", "shard", "finish"], spans.Select(span => span.OperationName));
        Assert.All(
            spans.Skip(1), span =>
                Assert.Equal(
                    (request.SpanId, ActivityKind.Consumer, batch.Id, "done"),
                    (span.ParentSpanId, span.Kind, span.GetTagItem(Telemetry.Job), span.GetTagItem(Telemetry.Outcome))));
        Assert.Equal(0, spans[2].GetTagItem(Telemetry.Shard));
        Assert.Equal(nameof(BatchStatus.Completed), spans[^1].GetTagItem(Telemetry.Status));
        Assert.Equal(
            NumLines, (await new BatchStore(Storage, _time).FindAsync(batch.Tenant, batch.Id, CancellationToken.None))!.CompletedLines);
    }

    [Fact]
    public async Task Every_metric_of_generation_moves_and_no_attribute_says_what_a_line_says()
    {
        using var telemetry = new RecordedTelemetry();
        using var models = TinyModel.NewHost(model.Folder, _tensors, await fixture.NewAccountAsync());
        await using var process = new TrialProcess(_connectionString, new FaultyTransport(Fault.None, 0), isRetried: false, models, _time);
        var (batch, request) = await CreatedAsync(telemetry, isOneBad: true);
        await process.Plan.RunAsync(new PlanMessage(batch.Tenant, batch.RowKey), CancellationToken.None);
        var message = await TakeAsync<ShardMessage>(StorageNames.GenerateQueue(StorageNames.DefaultProfile), (_, _) => Task.CompletedTask);
        var lease = new BatchBlobs(Storage, batch).Shards.LeaseOf(message.PlanId, message.Shard);
        await lease.AcquireAsync(TimeSpan.FromSeconds(60), cancellationToken: TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<TryAgainException>(() => process.Shards.RunAsync(message, CancellationToken.None));
        await lease.ReleaseAsync(cancellationToken: TestContext.Current.CancellationToken);

        await process.Shards.RunAsync(message, CancellationToken.None);

        Assert.True(telemetry.Sum(Telemetry.Retries, "shard", "postponed") >= 1);
        Assert.True(telemetry.Sum(Telemetry.Shards, "completed") >= 1);
        Assert.True(telemetry.Sum(Telemetry.Lines, "completed") >= NumLines - 1);
        Assert.True(telemetry.Sum(Telemetry.Lines, "failed") >= 1);
        Assert.True(telemetry.Sum(Telemetry.Tokens, "output") >= 2 * (NumLines - 1));
        Assert.True(telemetry.Sum(Telemetry.Tokens, "input") >= NumLines - 1);
        Assert.True(telemetry.Sum(Telemetry.ForwardPasses) >= 2);
        Assert.True(telemetry.Sum(Telemetry.WorkDuration, "shard", "done") > 0);
        var spans = telemetry.SpansOf(request.TraceId);
        Assert.Equal(["request", "plan", "shard", "shard"], spans.Select(span => span.OperationName));
        Assert.Equal("postponed", spans[2].GetTagItem(Telemetry.Outcome));
        Assert.All(
            spans.Select(RecordedTelemetry.TextOf).Concat(telemetry.Attributes),
            text => Assert.DoesNotContain(Secret, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_lease_that_is_lost_in_the_middle_of_a_shard_is_counted_and_stops_the_work()
    {
        using var telemetry = new RecordedTelemetry();
        using var models = TinyModel.NewHost(model.Folder, _tensors, await fixture.NewAccountAsync());
        await using var process = new TrialProcess(_connectionString, new FaultyTransport(Fault.None, 0), isRetried: false, models, _time);
        var (batch, request) = await CreatedAsync(telemetry);
        await process.Plan.RunAsync(new PlanMessage(batch.Tenant, batch.RowKey), CancellationToken.None);
        var message = await TakeAsync<ShardMessage>(StorageNames.GenerateQueue(StorageNames.DefaultProfile), (_, _) => Task.CompletedTask);
        var writing = new Standstill("/attempts/");     // the lease is there by then
        var storage = new StorageAccount(
            new StorageOptions { ConnectionString = _connectionString }, client => client.AddPolicy(writing, HttpPipelinePosition.PerCall));
        using var worker = await WorkerUnderTest.CreateAsync(
            _connectionString, model.Folder, register: services =>
                services.AddSingleton(storage).AddSingleton<TimeProvider>(_time).AddSingleton(models));

        var running = worker.Shards.RunAsync(message, CancellationToken.None);
        await writing.Reached;
        await new BatchBlobs(Storage, batch).Shards.LeaseOf(message.PlanId, message.Shard)
            .BreakAsync(TimeSpan.Zero, cancellationToken: TestContext.Current.CancellationToken);
        _time.Advance(worker.Get<JobOptions>().LeaseDuration / 2);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

        Assert.True(telemetry.Sum(Telemetry.LeaseLosses, "shard") >= 1);
        var span = telemetry.SpansOf(request.TraceId)[^1];
        Assert.Equal(("shard", "stopped"), (span.OperationName, span.GetTagItem(Telemetry.Outcome)));
        Assert.Empty(await new BatchBlobs(Storage, batch).Parts.ListAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_failure_is_an_error_of_its_span_named_by_its_type_alone()
    {
        using var telemetry = new RecordedTelemetry();
        using var request = telemetry.BeginRequest();

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => TracedWork.RunAsync("test", "job", request.Id, () => throw new InvalidOperationException(Secret)));

        var span = Assert.Single(telemetry.SpansOf(request.TraceId));
        Assert.Equal((ActivityStatusCode.Error, nameof(InvalidOperationException)), (span.Status, span.StatusDescription));
        Assert.DoesNotContain(Secret, RecordedTelemetry.TextOf(span), StringComparison.Ordinal);
        Assert.Equal(1, telemetry.Sum(Telemetry.Retries, "test", "failed"));
    }

    public void Dispose() => _tensors.Dispose();

    /// <summary>A batch as a request creates it, which dies before its message is sent.</summary>
    private async Task<(BatchRecord Batch, Activity Request)> CreatedAsync(RecordedTelemetry telemetry, bool isOneBad = false)
    {
        await Storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        await new ModelCatalog(Storage)
            .RegisterAsync(
                new ModelRecord
                { PartitionKey = ModelRecord.EveryTenant, Id = TinyModel.Id, ContextLength = 64, TokenForwardsPerSecond = 1000 },
                CancellationToken.None);
        var files = new FileStore(Storage, _time);
        string key = files.NewKey();
        await using (var writer = files.Write("tenant", key, CancellationToken.None))
        {
            foreach (int line in Enumerable.Range(1, NumLines))
            {
                string bad = isOneBad && line == NumLines ? $"""
                    ,"{Secret}":1
                    """ : "";
                string body = $$$"""{"model":"{{{TinyModel.Id}}}","text":"{{{Secret}}} [MASK:2]"{{{bad}}}}""";
                await writer.Content.WriteAsync(Encoding.UTF8.GetBytes(
                    $$$"""{"custom_id":"{{{Secret}}} {{{line}}}","method":"POST","url":"/v1/infill","body":{{{body}}}}""" + "\n"));
            }
            await writer.CompleteAsync();
        }
        var input = await files.AddAsync("tenant", key, "input.jsonl", FilePurpose.Batch, expiresAt: null, CancellationToken.None);
        var batch = new BatchRecord
            { PartitionKey = "tenant", Endpoint = BatchEndpoint.Infill,
            InputFileId = input.Id, CompletionWindow = "24h", ExpiresAt = _time.GetUtcNow().AddDays(1) };
        using var request = telemetry.BeginRequest();
        await new BatchStore(Storage, _time).AddAsync(batch, input.Bytes, CancellationToken.None);
        return (batch, request);
    }

    private async Task<T> TakeAsync<T>(string queueName, Func<T, CancellationToken, Task> handler)
    {
        Activity.Current = null;    // another process takes it
        var queue = Storage.Queue(queueName);
        var message = (await queue.ReceiveMessageAsync()).Value;
        var content = message.Body.ToObjectFromJson<T>(WireJson.Options)!;
        await handler(content, CancellationToken.None);
        await queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
        return content;
    }

    /// <summary>A call to storage that gets no answer until its caller gives it up.</summary>
    private sealed class Standstill(string path) : HttpPipelinePolicy
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Reached => _reached.Task;

        public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) => ProcessNext(message, pipeline);

        public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
        {
            if (message.Request.Method == RequestMethod.Put && message.Request.Uri.Path.Contains(path, StringComparison.Ordinal))
            {
                _reached.SetResult();
                await Task.Delay(Timeout.Infinite, message.CancellationToken);
            }
            await ProcessNextAsync(message, pipeline);
        }
    }
}
