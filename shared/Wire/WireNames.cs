using System.Text.Json;

namespace LLaDA.Batch.Shared.Wire;

/// <summary>The names of enums on the wire: snake_case, as <see cref="WireJson"/> writes them.</summary>
public static class WireNames
{
    /// <summary>All names of an enum, in the order of its values.</summary>
    public static IReadOnlyList<string> All<T>()
        where T : struct, Enum => [.. Enum.GetValues<T>().Select(value => value.WireName())];

    public static string WireName<T>(this T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    public static bool TryParse<T>(string name, out T value)
        where T : struct, Enum
    {
        foreach (var candidate in Enum.GetValues<T>())
        {
            if (candidate.WireName() == name)
            {
                value = candidate;
                return true;
            }
        }
        value = default;
        return false;
    }
}
