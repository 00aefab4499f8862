using System.Globalization;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Http;

/// <summary>The query parameters of a list.</summary>
/// <param name="AfterKey">The row key behind which the page begins; null for the first page.</param>
public sealed record ListQuery(string? AfterKey, int Limit, bool IsAscending)
{
    /// <param name="idPrefix">What ids of the listed kind start with.</param>
    public static ListQuery Read(HttpRequest request, string idPrefix, int defaultLimit, int maxLimit) =>
        Read(request, id => SortableKey.Parse(id, idPrefix), defaultLimit, maxLimit);

    /// <param name="parseId">The row key of an id; null when no listed object can have it.</param>
    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static ListQuery Read(HttpRequest request, Func<string, string?> parseId, int defaultLimit, int maxLimit)
    {
        string? after = request.Query["after"].FirstOrDefault();
        string? afterKey = string.IsNullOrEmpty(after) ? null
            : parseId(after)
                ?? throw ApiException.InvalidRequest($"after must be the id of a listed object, not '{Excerpt.Of(after)}'", "after");

        int limit = defaultLimit;
        if (request.Query["limit"].FirstOrDefault() is { } text
            && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit >= 1 && limit <= maxLimit))
        {
            throw ApiException.InvalidRequest($"limit must be a number from 1 to {maxLimit}, not '{Excerpt.Of(text)}'", "limit");
        }

        bool isAscending = request.Query["order"].FirstOrDefault() switch
        {
            null or "desc" => false,
            "asc" => true,
            var other => throw ApiException.InvalidRequest($"order must be 'asc' or 'desc', not '{Excerpt.Of(other)}'", "order"),
        };
        return new ListQuery(afterKey, limit, isAscending);
    }
}
