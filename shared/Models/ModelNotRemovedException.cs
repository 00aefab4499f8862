namespace LLaDA.Batch.Shared.Models;

/// <summary>A model was not removed; the message gives the reason.</summary>
/// <param name="code">The reason as a code.</param>
public sealed class ModelNotRemovedException(string message, string code) : Exception(message)
{
    public string Code { get; } = code;

    internal static ModelNotRemovedException InUse(string id, string users) => new($"{id} is needed by {users}", "model_in_use");

    internal static ModelNotRemovedException Changed(string id) =>
        new($"{id} was changed at the same moment: check it and try again", "model_changed");
}
