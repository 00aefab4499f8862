using System.Text;
using Azure.Storage.Queues.Models;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Training;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Testing;

/// <summary>What a training came to.</summary>
/// <param name="Model">Hashes of the result's files.</param>
/// <param name="Metrics">The result file: losses of all steps.</param>
public sealed record Trained(FineTuningJobRecord Job, string Model, string Metrics);

/// <summary>A fine-tuning job, its functions and its workers, over storage that may fail. Time is the trial's own.</summary>
internal sealed class TrainingTrial : IAsyncDisposable
{
    public const string Tenant = "tenant";
    private const int MaxIdleRounds = 60;
    private static readonly TimeSpan s_idleTime = TimeSpan.FromMinutes(3);

    /// <summary>How long a received message is hidden: longer than a whole training takes on the busiest machine.</summary>
    private static readonly TimeSpan s_messageTime = TimeSpan.FromHours(1);

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-training-trial-").FullName;
    private readonly StorageAccount _storage;
    private readonly string _model;
    private readonly TrainingProcesses _processes;
    private readonly List<Task> _stalled = [];
    private Action? _wake;

    /// <param name="connectionString">An empty storage account.</param>
    /// <param name="modelsPath">A folder of models.</param>
    /// <param name="model">The one to tune.</param>
    /// <param name="log">Is told everything, also by the worker.</param>
    public TrainingTrial(
        string connectionString, string modelsPath, string model, TensorThread tensors, ILoggerProvider? log = null)
    {
        _storage = new StorageAccount(new StorageOptions { ConnectionString = connectionString });
        _model = model;
        _processes = new TrainingProcesses(connectionString, modelsPath, _folder, tensors, Time, log);
    }

    public FakeTimeProvider Time { get; } = new(TimeProvider.System.GetUtcNow());

    public FineTuningStore Jobs => new(_storage, Time);

    public FineTunedModels Models =>
        new(_storage, new ModelCatalog(_storage), new ModelDeletion(new ModelCatalog(_storage), new ModelFolders(_storage)), Time);

    public StorageAccount Storage => _storage;

    /// <summary>The calls to storage of the process that met the fault last.</summary>
    public IReadOnlyCollection<string> LastLog { get; private set; } = [];

    /// <summary>Storage with its tables, containers and queues, and the model.</summary>
    public async Task PrepareAsync()
    {
        await _storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        await new ModelCatalog(_storage)
            .RegisterAsync(
                new ModelRecord
                { PartitionKey = ModelRecord.EveryTenant, Id = _model, ContextLength = 64, TokenForwardsPerSecond = 1 },
                CancellationToken.None);
    }

    /// <summary>A job as a client creates it.</summary>
    public async Task<FineTuningJobRecord> CreateAsync(FineTuningJobRecord job, string content)
    {
        await PrepareAsync();
        var files = new FileStore(_storage, Time);
        string key = files.NewKey();
        await using (var writer = files.Write(Tenant, key, CancellationToken.None))
        {
            await writer.Content.WriteAsync(Encoding.UTF8.GetBytes(content));
            await writer.CompleteAsync();
        }
        job.TrainingFileId =
            (await files.AddAsync(Tenant, key, "train.jsonl", FilePurpose.FineTune, expiresAt: null, CancellationToken.None)).Id;
        if (job.RowKey.Length == 0)
            job.RowKey = SortableKey.Create(Time);
        (job.PartitionKey, job.Status) = (Tenant, FineTuningStatus.ValidatingFiles);
        job.Model = job.Model.Length > 0 ? job.Model : _model;
        await Jobs.AddAsync(job, CancellationToken.None);
        await new WorkQueues(_storage).SendPlanTrainingAsync(job.Key, CancellationToken.None);
        return job;
    }

    public async Task<FineTuningJobRecord> FindAsync(FineTuningJobRecord job) =>
        (await Jobs.Records.FindAsync(Tenant, job.RowKey, CancellationToken.None))!;

    public async Task<FineTuningJobRecord?> ChangeAsync(FineTuningJobRecord job, Action<FineTuningJobRecord> change) =>
        (await Jobs.UpdateAsync(job, current =>
    {
        change(current);
        return true;
    }, CancellationToken.None)).Row;

    public static TrainingMessage Message(FineTuningJobRecord job) => new(Tenant, job.RowKey);

    /// <summary>A worker's process, over storage of its own.</summary>
    public TrainingMessageHandler Worker(FaultyTransport? transport = null, TimeProvider? time = null) =>
        _processes.Worker(transport, time);

    /// <summary>Registers an endpoint that hears of every end.</summary>
    public Task AddEndpointAsync() => _processes.Functions<WebhookEndpoints>(TrainingProcesses.Sound()).AddAsync(
        Tenant, SortableKey.Create(Time), "https://example.com/hook", WebhookEvent.Types, CancellationToken.None);

    /// <summary>A day passes, and a host deletes what has had its time.</summary>
    public Task PurgeAsync()
    {
        Time.Advance(TimeSpan.FromDays(1.1));
        return _processes.Functions<RetentionTimer>(TrainingProcesses.Sound()).RunAsync(CancellationToken.None);
    }

    /// <summary>Plans the job.</summary>
    public async Task PlanAsync(FineTuningJobRecord job) =>
        await _processes.Functions<PlanFineTuningHandler>(TrainingProcesses.Sound()).RunAsync(Message(job), CancellationToken.None);

    /// <summary>
    /// Takes the job from where it is to its end, message by message; what comes to nothing is found by a sweep. One worker, or the
    /// functions, meet a fault at one call to storage, and others take over.
    /// </summary>
    /// <param name="inFunctions">It is the functions, while they plan, finish and sweep.</param>
    /// <param name="isTwice">Every message is delivered twice, at once, to two processes.</param>
    /// <param name="isCancelled">It is cancelled once the fault has taken its process.</param>
    /// <returns>Calls to storage that the process with the fault made.</returns>
    /// <exception cref="TrialException">The job came to no end.</exception>
    public async Task<int> RunAsync(
        FineTuningJobRecord job, Fault fault = Fault.None, int atCall = 0, bool inFunctions = false, bool isTwice = false,
        bool isCancelled = false)
    {
        var faulty = new FaultyTransport(fault, atCall);
        LastLog = faulty.Log;
        var (transport, functions) = inFunctions ? (TrainingProcesses.Sound(), faulty) : (faulty, TrainingProcesses.Sound());
        var first = Worker(transport);
        _wake = fault == Fault.StallBriefly ? faulty.Wake : null;
        Task<bool> TakeAsync(string queue, FaultyTransport side, Func<FaultyTransport, TrainingMessage, CancellationToken, Task> handler) =>
            TakeMessagesAsync(queue, message => DeliverAsync(side, isTwice, (process, stop) => handler(process, message, stop)));
        for (int idle = 0; !await IsDoneAsync(job);)
        {
            bool any = await TakeAsync(
                StorageNames.PlanTrainingQueue, functions, (process, message, stop) =>
                    _processes.Functions<PlanFineTuningHandler>(process).RunAsync(message, stop));
            any |= await TakeAsync(
                StorageNames.TrainQueue(StorageNames.DefaultProfile), transport, (process, message, stop) =>
                    (process == transport ? first : Worker(process)).RunAsync(message, stop));
            if (isCancelled && faulty.IsGone)
                await Jobs.UpdateAsync(job, current => current.TryCancel(Time.GetUtcNow()), CancellationToken.None);
            any |= await TakeAsync(
                StorageNames.FinishTrainingQueue, functions, (process, message, stop) =>
                    _processes.Functions<FinishFineTuningHandler>(process).RunAsync(message, stop));
            if (any)
                continue;
            if (++idle > MaxIdleRounds)
                throw new TrialException($"The job is still {(await FindAsync(job)).Status} after {fault} at call {atCall}, {faulty.Hit}");
            Time.Advance(s_idleTime);
            await BreakLeaseAsync(job);
            await DeliverAsync(functions, isTwice: false, (process, stop) => _processes.Functions<FineTuningSweep>(process).RunAsync(stop));
        }
        faulty.Wake();
        await Task.WhenAll(_stalled.Select(TryAsync));
        _stalled.Clear();
        return faulty.Calls;
    }

    /// <returns>False when there were none, or none could be done: time has to pass.</returns>
    private async Task<bool> TakeMessagesAsync(string name, Func<TrainingMessage, Task<bool>> deliver)
    {
        var queue = _storage.Queue(name);
        List<QueueMessage> failed = [];
        bool any = false;
        while ((await queue.ReceiveMessageAsync(s_messageTime)).Value is { } message)
        {
            if (await deliver(message.Body.ToObjectFromJson<TrainingMessage>(WireJson.Options)!))
            {
                any = true;
                await queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
            }
            else
            {
                failed.Add(message);
            }
        }
        foreach (var message in failed)
            await queue.UpdateMessageAsync(message.MessageId, message.PopReceipt, visibilityTimeout: TimeSpan.Zero);
        return any;
    }

    /// <summary>
    /// Has a process do something as a queue or a timer does; one that was killed, stands still or was told to stop is replaced.
    /// </summary>
    /// <returns>Whether one of those who tried has done it.</returns>
    private async Task<bool> DeliverAsync(FaultyTransport side, bool isTwice, Func<FaultyTransport, CancellationToken, Task> handler)
    {
        bool wasStalled = _stalled.Count > 0;
        var process = side.IsGone || wasStalled ? TrainingProcesses.Sound() : side;
        var second = isTwice ? TryAsync(handler(TrainingProcesses.Sound(), CancellationToken.None)) : Task.FromResult(false);
        var running = handler(process, process.Stopping);
        if (await Task.WhenAny(running, process.Stalled) != running && process.IsStalled)
        {
            _stalled.Add(running);
            return await second;
        }
        if (wasStalled)
            _wake?.Invoke();
        return await TryAsync(running) | await second;
    }

    /// <returns>Whether the run ended well.</returns>
    private static async Task<bool> TryAsync(Task running)
    {
        try
        {
            await running;
            return true;
        }
        catch (Exception failure) when (
            failure is Azure.RequestFailedException or OperationCanceledException
            or AggregateException or KilledException or TryAgainException)
        {
            return false;
        }
    }

    private async Task<bool> IsDoneAsync(FineTuningJobRecord job) =>
        (await FindAsync(job)).IsTerminal
            && !await Jobs.Open.ListJobsAsync(tenant: null, CancellationToken.None).AnyAsync(open => open.Job.RowKey == job.RowKey);

    /// <summary>What a job that has succeeded came to.</summary>
    public async Task<Trained> ResultAsync(FineTuningJobRecord job)
    {
        var ended = await FindAsync(job);
        if (ended.Status != FineTuningStatus.Succeeded)
            throw new TrialException($"The job is {ended.Status}: {ended.ErrorMessage}");
        var files = new FileStore(_storage, Time);
        using var reader = new StreamReader(
            await files.OpenReadAsync(
                (await files.FindAsync(Tenant, ended.ResultFileId!, CancellationToken.None))!, CancellationToken.None));
        return new Trained(ended, await HashesAsync(ended.FineTunedModel!), await reader.ReadToEndAsync());
    }

    /// <summary>Hashes of the files of a model that a job has made.</summary>
    public async Task<string> HashesAsync(string name)
    {
        var record = await new ModelCatalog(_storage).FindAsync(Tenant, name, CancellationToken.None)
            ?? throw new TrialException($"There is no model {name}");
        return (await new ModelFolders(_storage).FindManifestAsync(record.Folder, CancellationToken.None)
            ?? throw new TrialException($"{name} has no manifest")).ToString();
    }

    public async ValueTask DisposeAsync()
    {
        await _processes.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task BreakLeaseAsync(FineTuningJobRecord job)
    {
        var blobs = new FineTuningBlobs(_storage, job);
        if (await blobs.IsLeasedAsync(CancellationToken.None))
            await (await blobs.LeaseAsync(CancellationToken.None)).BreakAsync(TimeSpan.Zero);
    }
}
