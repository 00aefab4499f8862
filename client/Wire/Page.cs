using System.Globalization;
using System.Runtime.CompilerServices;

namespace LLaDA.Batch.Client.Wire;

/// <summary>A page of a list.</summary>
internal sealed record Page<T>(IReadOnlyList<T> Data, string? LastId, bool HasMore);

/// <summary>Reads lists page by page.</summary>
internal static class Pages
{
    /// <summary>All entries of a list, asked for as they are read.</summary>
    /// <param name="query">Further parameters; those that are null are left out.</param>
    public static async IAsyncEnumerable<T> AllAsync<T>(
        this Transport transport, string path, (string Name, string? Value)[] query,
            [EnumeratorCancellation] CancellationToken cancellation)
    {
        string? after = null;
        while (true)
        {
            var page = await transport.GetAsync<Page<T>>(Query.Of(path, [.. query, ("after", after)]), cancellation);
            foreach (var entry in page.Data)
                yield return entry;
            if (!page.HasMore)
                yield break;
            after = page.LastId;
        }
    }
}

/// <summary>Builds paths with parameters.</summary>
internal static class Query
{
    public static string Of(string path, params (string Name, string? Value)[] parameters)
    {
        string text = string.Join('&', parameters.Where(parameter => parameter.Value is not null)
            .Select(parameter => $"{Uri.EscapeDataString(parameter.Name)}={Uri.EscapeDataString(parameter.Value!)}"));
        return text.Length == 0 ? path : $"{path}?{text}";
    }

    /// <summary>Unix seconds.</summary>
    public static string? Text(DateTimeOffset? time) => time?.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);

    /// <summary>The parameters that filter by metadata.</summary>
    public static IEnumerable<(string Name, string? Value)> Metadata(IReadOnlyDictionary<string, string>? metadata) =>
        metadata?.Select(entry => ($"metadata[{entry.Key}]", (string?)entry.Value)) ?? [];
}

