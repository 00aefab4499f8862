using System.Globalization;
using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>Reads objects whose names are numbers of gaps, such as <c>{"0": "digits"}</c>.</summary>
internal static class ByGap
{
    /// <param name="read">Reads a value; gets its path and the value. A value that is null counts as absent.</param>
    /// <exception cref="LineException">A name is no number of a gap.</exception>
    public static Dictionary<int, T> Read<T>(RequestBody body, string name, JsonElement values, Func<string, JsonElement, T> read)
    {
        Dictionary<int, T> byGap = [];
        foreach (var (key, value) in values.EnumerateObject().Select(property => (property.Name, property.Value)))
        {
            string path = $"{name}.{Excerpt.Of(key)}";
            bool isNumber = int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int gap)
                && gap.ToString(CultureInfo.InvariantCulture) == key;
            if (!isNumber)
                throw body.Invalid(path, "must be named by the number of a gap, from 0");
            if (value.ValueKind != JsonValueKind.Null && !byGap.TryAdd(gap, read(path, value)))
                throw body.Invalid(path, "is given twice");
        }
        return byGap;
    }
}
