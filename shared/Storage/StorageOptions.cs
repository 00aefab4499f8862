namespace LLaDA.Batch.Shared.Storage;

/// <summary>The storage account of the service (section <c>Storage</c>).</summary>
public sealed record StorageOptions
{
    public const string Section = "Storage";

    /// <summary>The file in a local stack's data folder that holds its connection string while it runs.</summary>
    public const string ConnectionStringFile = "connection-string";

    /// <summary>A connection string: Azurite on a laptop. Where it is set, identities are not used.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>The name of a storage account reached by the process's managed identity.</summary>
    public string? AccountName { get; init; }

    /// <summary>The client id of a user-assigned identity; null takes the default credential.</summary>
    public string? ClientId { get; init; }

    public string EndpointSuffix { get; init; } = "core.windows.net";

    public IEnumerable<string> Validate()
    {
        if (string.IsNullOrEmpty(ConnectionString) == string.IsNullOrEmpty(AccountName))
            yield return $"Set exactly one of {Section}:{nameof(ConnectionString)} and {Section}:{nameof(AccountName)}";
    }
}
