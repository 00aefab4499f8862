namespace LLaDA.Diffusion.Data;

/// <summary>A file of training data cannot be used.</summary>
/// <param name="faults">Sentences; those about a line begin with <c>line N: </c>, from 1 on.</param>
public sealed class TrainingDataException(string path, IReadOnlyList<string> faults) : Exception($"{path}: {string.Join("; ", faults)}")
{
    public IReadOnlyList<string> Faults { get; } = faults;
}
