namespace LLaDA.Batch.Worker.Training;

/// <summary>A job cannot learn from one of its files.</summary>
/// <param name="param">The file, by the name of its parameter.</param>
public sealed class TrainingFileException(string param, string code, string message) : Exception(message)
{
    public string Param { get; } = param;

    public string Code { get; } = code;
}
