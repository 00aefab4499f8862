using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Http;

/// <summary>A page of a list, as OpenAI's clients read it.</summary>
/// <param name="FirstId">Null when the page is empty, or its objects have no ids.</param>
public sealed record ListPage<T>(IReadOnlyList<T> Data, string? FirstId, string? LastId, bool HasMore)
{
    public string Object => "list";
}

/// <summary>Makes the pages of lists.</summary>
internal static class ListPage
{
    /// <summary>The page of a partition that a request asks for.</summary>
    /// <param name="objectOf">Makes a row what a client sees.</param>
    /// <param name="idOf">The id by which a client asks for the next page.</param>
    /// <param name="isListed">Null lists all rows.</param>
    public static async Task<IResult> OfAsync<TRow, T>(
        TableOf<TRow> rows, string partition, ListQuery query, Func<TRow, T> objectOf, Func<T, string> idOf,
        CancellationToken cancellation, Func<TRow, bool>? isListed = null)
        where TRow : TableRow
    {
        var (page, hasMore) = await rows.PageAsync(
            partition, query.AfterKey, query.Limit, query.IsAscending, isListed ?? (_ => true), cancellation);
        return Results.Wire(Of(page.Select(objectOf), idOf, hasMore));
    }

    /// <param name="objects">In the order of the page.</param>
    /// <param name="idOf">The id by which a client asks for the next page.</param>
    public static ListPage<T> Of<T>(IEnumerable<T> objects, Func<T, string> idOf, bool hasMore = false)
    {
        T[] data = [.. objects];
        return data.Length == 0
            ? new ListPage<T>(data, FirstId: null, LastId: null, hasMore)
            : new ListPage<T>(data, idOf(data[0]), idOf(data[^1]), hasMore);
    }
}
