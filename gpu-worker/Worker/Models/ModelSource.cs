using LLaDA.Batch.Shared.Models;

namespace LLaDA.Batch.Worker.Models;

/// <summary>Where the files of a model come from; equal sources give the same model.</summary>
/// <param name="Id">The model's id; also the name of its folder if it is one of the worker's own models.</param>
/// <param name="Folder">Prefix in Blob storage; empty for a model in the worker's own folder.</param>
/// <param name="Base">The base model if the folder holds an adapter.</param>
internal sealed record ModelSource(string Id, string Folder = "", ModelSource? Base = null)
{
    /// <summary>How a card keeps the weights; an adapter's are those of its base.</summary>
    public ModelWeights Weights { get; init; }
}
