using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Worker.Training;

/// <summary>Folders of runs under a root that belongs to this process alone; one run exists at a time.</summary>
internal sealed class TrainingFolders(string root)
{
    /// <summary>An empty folder for a run. Deletes what a killed process left behind.</summary>
    public string New(FineTuningJobRecord run)
    {
        string path = Directory.CreateDirectory(root).FullName;
        foreach (string left in Directory.GetDirectories(path))
            Directory.Delete(left, recursive: true);
        return Directory.CreateDirectory(Path.Combine(path, $"{run.RowKey}-{run.RunNumber}")).FullName;
    }
}
