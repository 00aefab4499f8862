using System.Globalization;
using System.Text.Json;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Training.Optimizers;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>The state of a run between two steps. Noise, order of the data and learning rate follow from the step.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="NumTokens">Tokens seen.</param>
/// <param name="BatchSize">With the step it gives the position in the data.</param>
/// <param name="Data">The fingerprint of the data.</param>
/// <param name="Objective">
/// What is minimised (<see cref="TrainingOptions.Objective"/>); null in older checkpoints, which are trusted.
/// </param>
internal sealed record TrainingState(int Step, long NumTokens, long Seed, int BatchSize, string Data, string? Objective);

/// <summary>The tensors that a run changes.</summary>
/// <param name="Average">The EMA; null where none is kept.</param>
internal sealed record TrainingSubject(ITrainedWeights Weights, Optimizer Optimizer, EmaWeights? Average);

/// <summary>
/// The checkpoints of a run, each a folder of its own (<c>checkpoints/step-00000500</c>) with weights, the optimizer's moments, the EMA and
/// the state. One counts only with its manifest, which is written last, so that a run killed at any moment finds a complete one. The latest
/// are kept.
/// </summary>
internal sealed class TrainingCheckpoint(string run, int numKept)
{
    private const string OptimizerFile = "optimizer.safetensors", AverageFile = "average.safetensors", StateFile = "state.json";
    private const string Prefix = "step-";

    private readonly string _folder = FolderOf(run);

    public static string Folder(string run, int step) =>
        Path.Combine(FolderOf(run), string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:D8}"));

    public void Save(TrainingSubject subject, TrainingState state)
    {
        foreach (string unfinished in Folders().Where(folder => !Manifest.IsIn(folder)))
            Directory.Delete(unfinished, recursive: true);

        string checkpoint = Folder(run, state.Step);
        if (Directory.Exists(checkpoint))
            Remove(checkpoint);
        Directory.CreateDirectory(checkpoint);
        subject.Weights.Save(checkpoint);
        SafetensorsWriter.Write(Path.Combine(checkpoint, OptimizerFile), subject.Optimizer.Moments);
        if (subject.Average is { } average)
            SafetensorsWriter.Write(Path.Combine(checkpoint, AverageFile), average.Tensors);
        DurableFile.Write(Path.Combine(checkpoint, StateFile), JsonSerializer.SerializeToUtf8Bytes(state));
        Manifest.Write(checkpoint);

        foreach (string old in Folders().SkipLast(numKept))
            Remove(old);
    }

    /// <param name="expected">With step 0: what the run asks for.</param>
    /// <returns>The state to resume from; the expected one where there is no checkpoint.</returns>
    /// <exception cref="CheckpointException">The last checkpoint is damaged, or another run's.</exception>
    public TrainingState Load(TrainingSubject subject, TrainingState expected)
    {
        if (Folders().LastOrDefault(Manifest.IsIn) is not { } checkpoint)
            return expected;
        Manifest.Verify(checkpoint);
        var state = ReadState(Path.Combine(checkpoint, StateFile), expected);
        subject.Weights.Load(checkpoint);
        Read(Path.Combine(checkpoint, OptimizerFile), subject.Optimizer.Moments);
        subject.Optimizer.NumUpdates = state.Step;
        if (subject.Average is { } average)
            Read(Path.Combine(checkpoint, AverageFile), average.Tensors);
        return state;
    }

    private static string FolderOf(string run) => Path.Combine(run, "checkpoints");

    /// <summary>From the oldest to the newest.</summary>
    private IEnumerable<string> Folders() => Directory.Exists(_folder)
        ? Directory.GetDirectories(_folder, Prefix + "*").Order(StringComparer.Ordinal)
        : [];

    /// <summary>The manifest goes first: a checkpoint that is half removed must not look complete.</summary>
    private static void Remove(string checkpoint)
    {
        File.Delete(Path.Combine(checkpoint, Manifest.FileName));
        Directory.Delete(checkpoint, recursive: true);
    }

    private static TrainingState ReadState(string path, TrainingState expected)
    {
        TrainingState? state = null;
        try
        {
            state = JsonSerializer.Deserialize<TrainingState>(File.ReadAllBytes(path));
        }
        catch (Exception exception) when (exception is JsonException or FileNotFoundException)
        {
            // Reported below.
        }
        if (state is null)
            throw new CheckpointException(path, "has no readable training state");
        return state with { Step = 0, NumTokens = 0, Objective = state.Objective ?? expected.Objective } == expected
            ? state
            : throw new CheckpointException(path, $"belongs to a run with {Described(state)}; this one has {Described(expected)}");

        static string Described(TrainingState run) =>
            $"seed {run.Seed}, batches of {run.BatchSize}, data {run.Data} and objective {run.Objective ?? "unknown"}";
    }

    private static void Read(string path, IReadOnlyList<(string Name, Tensor Tensor)> tensors)
    {
        using var file = new SafetensorsFile(path);
        foreach (var (name, tensor) in tensors)
        {
            if (!file.Tensors.TryGetValue(name, out var entry))
                throw new CheckpointException(path, $"lacks {name}");
            if (entry.Type != tensor.dtype || !entry.Shape.AsSpan().SequenceEqual(tensor.shape))
                throw new CheckpointException(path, $"holds {entry}, which should be {tensor.dtype} [{string.Join(", ", tensor.shape)}]");
        }
        if (file.Tensors.Keys.Except(tensors.Select(entry => entry.Name)).FirstOrDefault() is { } unknown)
            throw new CheckpointException(path, $"holds {unknown}, which the model has not");
        foreach (var (name, tensor) in tensors)
            file.CopyTo(name, tensor);
    }
}
