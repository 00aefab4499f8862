using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Worker.Training;

/// <summary>Fetches the model and the data of a run, and tokenizes the data.</summary>
internal sealed class TrainingInputs(
    ModelCatalog catalog, ModelResolver resolver, LocalModels local, FileStore files, TrainingFolders folders)
{
    /// <exception cref="CheckpointException">The model is missing or unusable.</exception>
    /// <exception cref="TrainingFileException">A file of the job is missing or unusable.</exception>
    public async Task<TrainingInput> OpenAsync(FineTuningJobRecord run, CancellationToken cancellation)
    {
        var from = await catalog.FindAsync(run.Tenant, run.Model, cancellation)
            ?? throw new CheckpointException(run.Model, "no longer exists");
        var model = await local.AcquireAsync(await resolver.SourceAsync(run.Tenant, run.Model, from, cancellation), cancellation);
        try
        {
            string folder = folders.New(run);
            try
            {
                return new TrainingInput(from, model, await OpenDataAsync(run, model, folder, cancellation), folder);
            }
            catch
            {
                Directory.Delete(folder, recursive: true);
                throw;
            }
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private async Task<TrainingData> OpenDataAsync(FineTuningJobRecord run, ModelFiles model, string folder, CancellationToken cancellation)
    {
        string training = await DownloadAsync(run, run.TrainingFileId!, "training_file", folder, cancellation);
        string? validation = run.ValidationFileId is { } id ? await DownloadAsync(run, id, "validation_file", folder, cancellation) : null;
        var config = LLaDAConfigJson.Read(Path.Combine(model.Weights, Checkpoint.ConfigFile)) with
        {
            NumVirtualTokens = run.NumVirtualTokens ?? 0,
        };
        return await Task.Run(
            () => TrainingData.Open(run, training, validation, new LLaDATokenizer(model.Weights), config), cancellation);
    }

    private async Task<string> DownloadAsync(
        FineTuningJobRecord run, string fileId, string param, string folder, CancellationToken cancellation)
    {
        var file = await files.FindAsync(run.Tenant, fileId, cancellation)
            ?? throw new TrainingFileException(param, "file_not_found", "The file was deleted before the training ended");
        string path = Path.Combine(folder, $"{param}.jsonl");
        await files.DownloadAsync(file, path, cancellation);
        return path;
    }
}
