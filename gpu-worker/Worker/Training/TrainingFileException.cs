namespace LLaDA.Batch.Worker.Training;

/// <summary>A file of a job cannot be used as training data.</summary>
/// <param name="param">The request parameter that names the file.</param>
internal sealed class TrainingFileException(string param, string code, string message) : Exception(message)
{
    public string Param { get; } = param;

    public string Code { get; } = code;
}
