using Azure.Storage.Blobs;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Worker.Tests.Training;

/// <summary>Makes fine-tuning jobs of six examples and six steps, each with a storage account of its own.</summary>
internal sealed class TrainingTrials(StorageFixture fixture, TinyModel model) : IAsyncDisposable
{
    public const int NumExamples = 6, NumSteps = 6;

    public static readonly string Examples = string
        .Concat(Enumerable.Range(1, NumExamples)
        .Select(index => $$"""{"prompt":"the quick {{index}}","completion":" brown fox"}""" + "\n"));

    private readonly List<TrainingTrial> _all = [];

    public TensorThread Tensors { get; } = new();

    public static FineTuningJobRecord Job(int? rank, string from = "") => new()
    {
        Method = FineTuningMethod.Supervised,
        Model = from,
        Suffix = "mine",
        Seed = 7,
        Epochs = 2,
        BatchSize = 2,
        LearningRateMultiplier = 100,
        LoraRank = rank,
        LoraAlpha = rank * 2,
    };

    /// <summary>A file of a checkpoint whose run came to no end.</summary>
    public static async Task<BlobClient> LeaveUnpublishedAsync(TrainingTrial trial, FineTuningJobRecord job)
    {
        var blob = trial.Storage.Container(StorageNames.ModelsContainer)
            .GetBlobClient($"{FineTuningBlobs.Folder(job, run: 1, step: 99)}/adapter_model.safetensors");
        await blob.UploadAsync(BinaryData.FromString("half"));
        return blob;
    }

    public TrainingTrial New()
    {
        _all.Add(new TrainingTrial(fixture.NewConnectionString(), model.Folder, TinyModel.Id, Tensors));
        return _all[^1];
    }

    public async Task<Trained> UndisturbedAsync(int? rank) => (await UndisturbedCallsAsync(rank)).Trained;

    /// <returns>Also how often it calls storage.</returns>
    public async Task<(Trained Trained, int Calls)> UndisturbedCallsAsync(int? rank)
    {
        var trial = New();
        var job = await trial.CreateAsync(Job(rank), Examples);
        int calls = await trial.RunAsync(job);
        return (await trial.ResultAsync(job), calls);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var trial in _all)
            await trial.DisposeAsync();
        Tensors.Dispose();
    }
}
