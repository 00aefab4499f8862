namespace LLaDA.Batch.Client.Batches;

/// <summary>A batch over a file, or over the documents of a folder.</summary>
public sealed record BatchRequest
{
    /// <summary><c>/v1/infill</c>, <c>/v1/completions</c>, <c>/v1/chat/completions</c> or <c>/v1/score</c>.</summary>
    public required string Endpoint { get; init; }

    /// <summary>From <c>1h</c> to <c>14d</c>.</summary>
    public string CompletionWindow { get; init; } = "24h";

    /// <summary>A file with one request a line; null for a folder.</summary>
    public string? InputFileId { get; init; }

    /// <summary>The folder to read; null for a file.</summary>
    public BlobFolder? InputBlobs { get; init; }

    /// <summary>The folder to write, with <see cref="InputBlobs"/>.</summary>
    public BlobFolder? OutputBlobs { get; init; }

    /// <summary>What each document's request has beside its text, with <see cref="InputBlobs"/>.</summary>
    public object? Body { get; init; }

    /// <summary><c>low</c>, <c>normal</c> or <c>high</c>, beside your other batches; null is <c>normal</c>.</summary>
    public string? Priority { get; init; }

    /// <summary>What is called when this batch ends; null for nothing but your endpoints.</summary>
    public BatchWebhookRequest? Webhook { get; init; }

    /// <summary>Up to 16 texts of your own.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>An address that is called when a batch ends.</summary>
/// <param name="Events">Names of events; null for all ends of a batch.</param>
public sealed record BatchWebhookRequest(string Url, IReadOnlyList<string>? Events = null);

/// <summary>Blobs of a container that is bound to the tenant, or of a URL with its signature.</summary>
public sealed record BlobFolder
{
    public string? Container { get; init; }

    public string? Prefix { get; init; }

    public string? Url { get; init; }
}
