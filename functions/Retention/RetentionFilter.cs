using System.Globalization;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>Filters of tables by time.</summary>
internal static class RetentionFilter
{
    /// <param name="column">A column of times.</param>
    public static string Before(string column, DateTimeOffset instant)
    {
        string text = instant.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        return $"{column} lt datetime'{text}'";
    }
}
