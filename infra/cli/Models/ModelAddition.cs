using System.Security.Cryptography;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Removal;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Models;

/// <summary>A model to add.</summary>
/// <param name="Tenant">The tenant that may name it, or <see cref="ModelRecord.EveryTenant"/>.</param>
/// <param name="Profile">Hardware profile of the workers that run it.</param>
/// <param name="IsForced">Allows new weights below existing adapters.</param>
internal sealed record NewModel(string Id, string Tenant, string Profile, bool IsForced = false)
{
    /// <summary>How a card keeps its weights; null as the model of that name had them.</summary>
    public ModelWeights? Weights { get; init; }
}

/// <summary>
/// Checks a model, uploads its files into a folder of its own with the manifest last, and then registers it, so that it can be loaded.
/// A failure leaves no folder behind. Only a killed process does, and <see cref="UnusedFolders"/> lists it.
/// </summary>
internal sealed class ModelAddition(StorageAccount storage, TimeProvider time)
{
    private readonly ModelCatalog _catalog = new(storage);
    private readonly ModelFolders _folders = new(storage);

    /// <param name="onUploaded">Called for each uploaded file.</param>
    /// <returns>The registered model.</returns>
    /// <exception cref="OperatorException">The model is faulty, or may not be added under this name.</exception>
    public async Task<ModelRecord> RunAsync(
        NewModel asked, ModelInput input, Action<string, ModelFile>? onUploaded, CancellationToken cancellation)
    {
        var config = input.Check();
        string queue = StorageNames.GenerateQueue(asked.Profile);
        if (!await storage.Queue(queue).ExistsAsync(cancellation))
            throw new OperatorException($"No worker serves the profile {asked.Profile}: there is no queue {queue}");

        var known = await _catalog.FindExactAsync(asked.Tenant, asked.Id, cancellation);
        if (known is { Folder: "" })
        {
            throw new OperatorException(
                $"{asked.Id} is a model in the workers' own folder, and they would register it again: choose another name");
        }
        bool isUnchanged = known is not null && await IsWholeAsync(known.Folder, input, cancellation);
        if (known is not null && !isUnchanged && !asked.IsForced)
            await RequireNoAdaptersAsync(known, cancellation);

        var weights = asked.Weights ?? known?.Weights ?? ModelWeights.Auto;
        string folder = isUnchanged ? known!.Folder : ModelFolders.NewFolder(asked.Tenant, time);
        var model = new ModelRecord
        {
            PartitionKey = asked.Tenant,
            Id = asked.Id,
            Profile = asked.Profile,
            ContextLength = config.MaxSequenceLength,
            Family = config.Family.Name,
            NumParameters = config.NumParameters,
            NumActiveParameters = config.NumActiveParameters,
            Weights = weights,
            TokenForwardsPerSecond = isUnchanged && known!.Profile == asked.Profile && known.Weights == weights
                ? known.TokenForwardsPerSecond
                : 0,
            Folder = folder,
            CreatedAt = time.GetUtcNow(),
        };
        try
        {
            if (!isUnchanged)
                await _folders.UploadAsync(folder, input.Files, onUploaded, cancellation);
            await _catalog.RegisterAsync(model, cancellation);
            return model;
        }
        catch
        {
            // The record may exist although its answer was lost. Then it needs the files.
            if ((await _catalog.FindExactAsync(asked.Tenant, asked.Id, CancellationToken.None))?.Folder != folder)
                await _folders.DeleteAsync(folder, CancellationToken.None);
            throw;
        }
    }

    private async Task RequireNoAdaptersAsync(ModelRecord known, CancellationToken cancellation)
    {
        var adapters = await ModelUsers.AdaptersAsync(_catalog, known, cancellation);
        if (adapters.Count == 0)
            return;
        throw new OperatorException(
            $"{string.Join(", ", adapters)} would change other weights: add the model under another name, or use --force");
    }

    /// <summary>Whether a folder holds the same files. Hashes are compared only where names and sizes are equal.</summary>
    private async Task<bool> IsWholeAsync(string folder, ModelInput input, CancellationToken cancellation)
    {
        if (await _folders.FindManifestAsync(folder, cancellation) is not { } json)
            return false;
        var files = ModelManifest.Parse(json, ModelManifest.FileName).Files;
        if (!files.Keys.ToHashSet().SetEquals(input.Files.Select(file => file.Name)))
            return false;
        foreach (var file in input.Files)
        {
            await using var content = await file.OpenAsync(cancellation);
            if (content.Length != files[file.Name].Bytes)
                return false;
        }
        foreach (var file in input.Files)
        {
            await using var content = await file.OpenAsync(cancellation);
            if (Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellation)) != files[file.Name].Sha256)
                return false;
        }
        return true;
    }
}
