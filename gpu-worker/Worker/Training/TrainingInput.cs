using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Worker.Models;

namespace LLaDA.Batch.Worker.Training;

/// <summary>What a run starts from, on this machine. Disposing it deletes the run's folder.</summary>
/// <param name="From">The model that the job fine-tunes.</param>
/// <param name="Model">Its files.</param>
/// <param name="Data">The job's data, tokenized.</param>
/// <param name="Folder">The run's folder.</param>
internal sealed record TrainingInput(ModelRecord From, ModelFiles Model, TrainingData Data, string Folder) : IDisposable
{
    public void Dispose()
    {
        try
        {
            Data.Dispose();
            Directory.Delete(Folder, recursive: true);
        }
        finally
        {
            Model.Dispose();
        }
    }
}
