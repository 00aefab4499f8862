using System.Globalization;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>Filters of tables by time.</summary>
internal static class RetentionFilter
{
    /// <param name="column">A column of times.</param>
    public static string Before(string column, DateTimeOffset instant) => $"{column} lt {Literal(instant)}";

    /// <param name="column">A column of times.</param>
    /// <param name="from">Inclusive.</param>
    /// <param name="until">Exclusive.</param>
    public static string Between(string column, DateTimeOffset from, DateTimeOffset until) =>
        $"{column} ge {Literal(from)} and {Before(column, until)}";

    private static string Literal(DateTimeOffset instant) =>
        $"datetime'{instant.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)}'";
}
