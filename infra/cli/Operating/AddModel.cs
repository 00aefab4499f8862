using System.Security.Cryptography;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Removal;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Operating;

/// <param name="Tenant">Who may name the model; <see cref="ModelRecord.EveryTenant"/> is everybody.</param>
/// <param name="Profile">The hardware that runs it.</param>
/// <param name="IsForced">Whether the weights below adapters may be changed.</param>
internal sealed record NewModel(string Id, string Tenant, string Profile, bool IsForced = false);

/// <summary>
/// Checks a model, puts its files into a folder of its own, the manifest last, and only then makes it known: whoever can name it can load it. What fails leaves no folder behind; only a
/// process that is killed does, and that one belongs to no model (<see cref="UnusedFolders"/>).
/// </summary>
internal sealed class AddModel(StorageAccount storage, TimeProvider time)
{
    private readonly ModelCatalog _catalog = new(storage);
    private readonly ModelFolders _folders = new(storage);

    /// <param name="told">Told of each file that is there.</param>
    /// <returns>What is known of the model now.</returns>
    public async Task<ModelRecord> RunAsync(NewModel asked, ModelInput input, Action<string, ModelFile>? told, CancellationToken cancellation)
    {
        var config = input.Check();
        if (!await storage.Queue(StorageNames.GenerateQueue(asked.Profile)).ExistsAsync(cancellation))
            throw new OperatorException($"No worker serves the profile {asked.Profile}: there is no queue {StorageNames.GenerateQueue(asked.Profile)}");

        var known = await _catalog.FindExactAsync(asked.Tenant, asked.Id, cancellation);
        if (known is { Folder: "" })
            throw new OperatorException($"{asked.Id} is a model that workers have in a folder of their own, and they would make that one known again: choose another name");
        bool isUnchanged = known is not null && await IsWholeAsync(known.Folder, input, cancellation);
        if (known is not null && !isUnchanged && !asked.IsForced && await ModelUsers.AdaptersAsync(_catalog, known, cancellation) is { Count: > 0 } adapters)
            throw new OperatorException($"{string.Join(", ", adapters)} would change other weights than before: add it under another name, or insist with --force");

        string folder = isUnchanged ? known!.Folder : ModelFolders.NewFolder(asked.Tenant, time);
        var model = new ModelRecord
        {
            PartitionKey = asked.Tenant,
            Id = asked.Id,
            Profile = asked.Profile,
            ContextLength = config.MaxSequenceLength,
            TokenForwardsPerSecond = isUnchanged && known!.Profile == asked.Profile ? known.TokenForwardsPerSecond : 0,
            Folder = folder,
            CreatedAt = time.GetUtcNow(),
        };
        try
        {
            if (!isUnchanged)
                await _folders.UploadAsync(folder, input.Files, told, cancellation);
            await _catalog.RegisterAsync(model, cancellation);
            return model;
        }
        catch
        {
            // The answer may have been lost and not the record: then its files are needed.
            if ((await _catalog.FindExactAsync(asked.Tenant, asked.Id, CancellationToken.None))?.Folder != folder)
                await _folders.DeleteAsync(folder, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Whether a folder holds these very files. Hashes are compared where names and sizes are equal.</summary>
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
