using System.Text.Json;

namespace LLaDA.Batch.Shared.Wire;

/// <summary>
/// Reads properties without refusing anything: an absent property, a null and a value of another kind are all null.
/// <see cref="JsonReader"/> is the strict reader with error sentences.
/// </summary>
public static class JsonProperties
{
    /// <summary>Whole numbers up to 2^53 are exact in every JSON reader.</summary>
    private const double MaxExact = 1L << 53;

    /// <returns>Null when the parent is no object, and when the property is absent or null.</returns>
    public static JsonElement? Find(this JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object
        && parent.TryGetProperty(name, out var value)
        && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    /// <returns>Null also for a string with an unpaired surrogate.</returns>
    public static string? FindText(this JsonElement parent, string name)
    {
        try
        {
            return parent.Find(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <returns>Null also for a number that does not fit.</returns>
    public static int? FindInteger(this JsonElement parent, string name) =>
        parent.Find(name) is { } value && value.TryGetInteger(out long number) && number is >= int.MinValue and <= int.MaxValue
            ? (int)number
            : null;

    /// <summary>
    /// A whole number may be written with a fraction of zero or an exponent: <c>4</c>, <c>4.0</c> and <c>4e0</c> are equal.
    /// </summary>
    public static bool TryGetInteger(this JsonElement value, out long number)
    {
        number = 0;
        if (value.ValueKind != JsonValueKind.Number)
            return false;
        if (value.TryGetInt64(out number))
            return true;
        if (!value.TryGetDouble(out double real) || Math.Abs(real) > MaxExact || real != Math.Truncate(real))
            return false;
        number = (long)real;
        return true;
    }
}
