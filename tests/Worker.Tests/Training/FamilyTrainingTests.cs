using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Tests.Training;

/// <summary>Fine-tuning jobs over models of every family.</summary>
public sealed class FamilyTrainingTests(StorageFixture fixture) : IAsyncLifetime
{
    private readonly TensorThread _tensors = new();
    private readonly List<TrainingTrial> _trials = [];
    private readonly List<string> _folders = [];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var trial in _trials)
            await trial.DisposeAsync();
        _tensors.Dispose();
        _folders.ForEach(folder => Directory.Delete(folder, recursive: true));
    }

    [Theory]
    [InlineData("LLaDA-MoE", null)]
    [InlineData("LLaDA2", 2)]
    [InlineData("Dream", null)]
    [InlineData("SDAR", 2)]
    public async Task A_killed_training_ends_as_an_undisturbed_one_and_its_result_answers(string family, int? rank)
    {
        string models = Kept(TinyFamilies.Create(family));
        var (undisturbed, calls) = await TrainAsync(models, rank, Fault.None, 0);
        var (killed, _) = await TrainAsync(models, rank, Fault.KillAfter, calls / 2);

        Assert.Equal((undisturbed.Model, undisturbed.Metrics), (killed.Model, killed.Metrics));
        var catalog = new ModelCatalog(_trials[^1].Storage);
        string tuned = killed.Job.FineTunedModel!, cache = Kept(Directory.CreateTempSubdirectory("llada-tuned-").FullName);
        using var host = TinyModel.NewHost(models, _tensors, _trials[^1].Storage, cache);
        var loading = new ModelResolver(catalog, host);
        Assert.NotEqual(await AnswerAsync(loading, TinyModel.Id), await AnswerAsync(loading, tuned));
        if (rank is null)
            RequireSameTensors(Path.Combine(models, TinyModel.Id), cache);
    }

    private async Task<(Trained Trained, int Calls)> TrainAsync(string models, int? rank, Fault fault, int atCall)
    {
        var trial = new TrainingTrial(fixture.NewConnectionString(), models, TinyModel.Id, _tensors);
        _trials.Add(trial);
        var job = TrainingTrials.Job(rank);
        job.Epochs = 4;
        await trial.CreateAsync(job, TrainingTrials.Examples);
        int calls = await trial.RunAsync(job, fault, atCall);
        return (await trial.ResultAsync(job), calls);
    }

    /// <summary>The result holds the tensors of the model that it began with: names, shapes and types.</summary>
    private static void RequireSameTensors(string model, string cache)
    {
        const string weights = "model.safetensors";
        string result = Assert.Single(Directory.GetFiles(cache, weights, SearchOption.AllDirectories));
        using var expected = new SafetensorsFile(Path.Combine(model, weights));
        using var actual = new SafetensorsFile(result);
        static IEnumerable<string> Described(SafetensorsFile file) =>
            file.Tensors.Values.Select(tensor => tensor.ToString()).Order(StringComparer.Ordinal);
        Assert.Equal(Described(expected), Described(actual));
    }

    private static async Task<string> AnswerAsync(ModelResolver loading, string id)
    {
        using var lease = await loading.AcquireAsync(TrainingTrial.Tenant, id, isExclusive: false, CancellationToken.None);
        int[] canvas = [1, 2, 3, .. Enumerable.Repeat(lease.Model.MaskTokenId, 20)];
        var row = await lease.Model.Operations(TrainingTrial.Tenant, CancellationToken.None)
            .SampleAsync(new SamplingRow(canvas, new SamplingOptions { Remasking = FamilySampling.Rules(lease.Model.Config)[0] }));
        return string.Join(' ', row.Tokens);
    }

    private string Kept(string folder)
    {
        _folders.Add(folder);
        return folder;
    }
}
