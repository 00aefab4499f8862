namespace LLaDA.Diffusion.Data;

/// <summary>A file of training data cannot be used. Every fault names its line.</summary>
public sealed class TrainingDataException(string path, IReadOnlyList<string> faults) : Exception($"{path}: {string.Join("; ", faults)}")
{
    public IReadOnlyList<string> Faults { get; } = faults;
}
