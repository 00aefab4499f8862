using System.Globalization;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Http;

/// <summary>Reads the query of a request by the names of its parameters; faults are 400 by the name of the parameter.</summary>
internal static class QueryText
{
    /// <summary>Sent by clients of Azure OpenAI; this API has one version.</summary>
    private const string ApiVersion = "api-version";

    /// <summary>Refuses a parameter without a meaning, so that a misspelt filter does not list everything.</summary>
    /// <param name="known">Names; one that ends with <c>[</c> stands for all keys behind it.</param>
    public static void RequireOnly(this IQueryCollection query, params IReadOnlyList<string> known)
    {
        foreach (string name in query.Keys.Where(name => name != ApiVersion))
        {
            if (!known.Any(text => text.EndsWith('[') ? name.StartsWith(text, StringComparison.Ordinal) : name == text))
                throw ApiException.InvalidRequest($"Unknown parameter: {Excerpt.Of(name)}", name, "unknown_parameter");
        }
    }

    /// <returns>Null when it is absent or empty.</returns>
    public static string? Text(this IQueryCollection query, string name, int maxLength = 1_000) =>
        query[name] switch
        {
            [] => null,
            [null or ""] => null,
            [var text] when text.Length <= maxLength => text,
            [_] => throw ApiException.InvalidRequest($"{name} may have at most {maxLength} characters", name),
            _ => throw ApiException.InvalidRequest($"{name} comes more than once", name, "duplicate_parameter"),
        };

    /// <returns>Null when it is absent.</returns>
    public static long? Number(this IQueryCollection query, string name, long min, long max) =>
        query.Text(name) is not { } text ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number >= min && number <= max
            ? number
            : throw ApiException.InvalidRequest(
                $"{name} must be a number from {min} to {max}, not '{Excerpt.Of(text)}'", name);

    /// <summary>Some of the names of an enum, separated by commas.</summary>
    /// <returns>Null when it is absent.</returns>
    public static IReadOnlySet<T>? Choices<T>(this IQueryCollection query, string name)
        where T : struct, Enum =>
        query.Text(name)?.Split(',').Select(text => Choice<T>(name, text)).ToHashSet();

    /// <summary>A time in whole seconds since 1970.</summary>
    /// <returns>Null when it is absent.</returns>
    public static DateTimeOffset? Time(this IQueryCollection query, string name) =>
        query.Number(name, 0, DateTimeOffset.MaxValue.ToUnixTimeSeconds()) is { } seconds
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;

    private static T Choice<T>(string name, string text)
        where T : struct, Enum =>
        WireNames.TryParse(text, out T value) ? value : throw ApiException.InvalidRequest(
            $"{name} must be some of {string.Join(", ", WireNames.All<T>())}, not '{Excerpt.Of(text)}'", name);
}
