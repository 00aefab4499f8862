namespace LLaDA.Batch.Worker.Models;

/// <summary>What a model is made of; two sources that are equal give the same model.</summary>
/// <param name="Id">Its id, and the name of its folder in <see cref="WorkerOptions.ModelsPath"/> when it comes from there.</param>
/// <param name="Folder">Its prefix in Blob storage; empty for one in the worker's own folder.</param>
/// <param name="Base">The model that it changes, when its folder holds an adapter.</param>
public sealed record ModelSource(string Id, string Folder = "", ModelSource? Base = null);
