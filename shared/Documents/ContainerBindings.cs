using System.Text.RegularExpressions;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Documents;

/// <summary>A container of documents that a tenant may name.</summary>
public sealed class ContainerRecord : TableRow
{
    /// <summary>The tenant's name for the container.</summary>
    public string Name => RowKey;

    public string Container { get; set; } = "";

    /// <summary>The blob endpoint of its account, which the service's identity must reach; null is the service's own account.</summary>
    public string? AccountUrl { get; set; }
}

/// <summary>The containers that an operator has bound to tenants. The service's own containers can never be bound.</summary>
public sealed partial class ContainerBindings(StorageAccount storage)
{
    private readonly TableOf<ContainerRecord> _records = new(storage.Table(StorageNames.ContainersTable));

    /// <exception cref="ArgumentException">The name, container or account is invalid, or the container is the service's own.</exception>
    public Task BindAsync(string tenant, string name, string container, Uri? accountUrl, CancellationToken cancellation)
    {
        if (!IsContainerName(name) || !IsContainerName(container))
        {
            const string rule = "Names of containers have 3 to 63 lower-case letters, digits and single hyphens";
            throw new ArgumentException(rule, nameof(container));
        }
        if (accountUrl is { Scheme: not "https" })
            throw new ArgumentException("The account must be reached by https", nameof(accountUrl));
        if (storage.IsOwnContainer(accountUrl, container))
            throw new ArgumentException($"'{container}' is a container of the service itself", nameof(container));
        var record = new ContainerRecord
        {
            PartitionKey = tenant,
            RowKey = name,
            Container = container,
            AccountUrl = accountUrl?.ToString(),
        };
        return _records.PutAsync(record, cancellation);
    }

    /// <returns>Null when the tenant has no such container.</returns>
    public async Task<ContainerRecord?> FindAsync(string tenant, string name, CancellationToken cancellation) =>
        IsContainerName(name) ? await _records.FindAsync(tenant, name, cancellation) : null;

    public IAsyncEnumerable<ContainerRecord> ListAsync(string tenant, CancellationToken cancellation) =>
        _records.ListAsync(tenant, after: null, cancellation);

    public Task UnbindAsync(string tenant, string name, CancellationToken cancellation) =>
        _records.DeleteAsync(tenant, name, cancellation);

    public static bool IsContainerName(string name) => ContainerPattern().IsMatch(name);

    [GeneratedRegex("^(?=.{3,63}\\z)[a-z0-9]+(-[a-z0-9]+)*\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ContainerPattern();
}
