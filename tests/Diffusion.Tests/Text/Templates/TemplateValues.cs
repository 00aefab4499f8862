using System.Text.Json;
using LLaDA.Diffusion.Text.Templates;

namespace LLaDA.Diffusion.Tests.Text.Templates;

/// <summary>Variables of templates from JSON.</summary>
internal static class TemplateValues
{
    public static Map Map(string json)
    {
        using var document = JsonDocument.Parse(json);
        return Map(document.RootElement);
    }

    public static Map Map(JsonElement json)
    {
        var map = new Map();
        foreach (var property in json.EnumerateObject())
            map[property.Name] = Value(property.Value);
        return map;
    }

    private static object? Value(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => Map(json),
        JsonValueKind.Array => json.EnumerateArray().Select(Value).ToArray(),
        JsonValueKind.String => MarkedText.Content(json.GetString()!),
        JsonValueKind.Null => null,
        JsonValueKind.Number => json.TryGetInt64(out long whole) ? whole : (object)json.GetDouble(),
        _ => json.GetBoolean(),
    };
}
