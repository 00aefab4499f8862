using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>
/// Removes a model that nobody needs. Its record goes first, so that no new job can name it; then it is looked again who had named it before, and only then its files go. A job that comes
/// after that ends with <c>model_not_found</c>.
/// </summary>
internal sealed class RemoveModel(StorageAccount storage, TimeProvider time)
{
    private const int MaxNamed = 3;

    private readonly ModelCatalog _catalog = new(storage);
    private readonly ModelUsers _users = new(storage, time);

    /// <param name="isForced">Removes it whoever needs it; their lines and jobs fail.</param>
    /// <returns>What was known of the model, and whether it had files that were deleted: another model, or workers themselves, may have them.</returns>
    /// <exception cref="OperatorException">There is no such model, it is in use, or it was changed meanwhile: it is as it was.</exception>
    public async Task<(ModelRecord Model, bool HasDeletedFiles)> RunAsync(string tenant, string id, bool isForced, CancellationToken cancellation)
    {
        var known = await _catalog.FindOwnAsync(tenant, id, cancellation) ?? throw new OperatorException($"There is no model {id}", ExitCodes.NotFound);
        if (!isForced && await NamedByAsync(known, cancellation) is { } users)
            throw new OperatorException($"{id} is needed by {users}");
        if (!await _catalog.RemoveAsync(known, cancellation))
            throw new OperatorException($"{id} was changed at the same moment: look at it and try again");
        if (!isForced)
            await LookAgainAsync(known, cancellation);

        bool isShared = known.Folder.Length == 0 || await _catalog.ListAllAsync(cancellation).AnyAsync(other => other.Folder == known.Folder, cancellation);
        if (!isShared)
            await new ModelFolders(storage).DeleteAsync(known.Folder, cancellation);
        return (known, !isShared);
    }

    /// <summary>Puts the record back when somebody has named the model just before it went, or when that cannot be found out.</summary>
    private async Task LookAgainAsync(ModelRecord known, CancellationToken cancellation)
    {
        string? users;
        try
        {
            users = await NamedByAsync(known, cancellation);
        }
        catch
        {
            await _catalog.RestoreAsync(known, CancellationToken.None);
            throw;
        }
        if (users is null)
            return;
        bool isRestored = await _catalog.RestoreAsync(known, CancellationToken.None);
        throw new OperatorException($"{known.Id} is needed by {users} since a moment ago{(isRestored ? "" : $", and another model has taken its name; its files are still in {known.Folder}")}");
    }

    private async Task<string?> NamedByAsync(ModelRecord model, CancellationToken cancellation)
    {
        List<string> users = await _users.ListAsync(model, cancellation).Take(MaxNamed + 1).ToListAsync(cancellation);
        return users.Count == 0 ? null : string.Join(", ", users.Take(MaxNamed)) + (users.Count > MaxNamed ? " and others" : "");
    }
}
