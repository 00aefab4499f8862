using System.Text.Json;
using LLaDA.Batch.Functions.Http;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>
/// Reads the body of a fine-tuning job; null counts as absent, and faults are an <see cref="ApiException"/> that names the parameter.
/// </summary>
internal static class JobJson
{
    public static JsonElement? Find(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    /// <returns>An object among the hyperparameters; null where it is absent.</returns>
    public static JsonElement? Group(JsonElement parameters, string property, string name, params string[] known)
    {
        if (Find(parameters, property) is not { } group)
            return null;
        if (group.ValueKind != JsonValueKind.Object)
            throw ApiException.InvalidRequest($"{name}.{property} must be an object", $"{name}.{property}");
        RefuseOthers(group, $"{name}.{property}", known);
        return group;
    }

    /// <returns>A whole number, also one written with a fraction of zero; null where it is absent or "auto".</returns>
    public static int? Whole(JsonElement parent, string property, string name, int min, int max)
    {
        if (Find(parent, property) is not { } value || IsAuto(value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number)
            && double.IsInteger(number) && number >= min && number <= max
            ? (int)number
            : throw ApiException.InvalidRequest($"{name} must be a whole number from {min} to {max}", name);
    }

    /// <returns>A number above 0; null where it is absent or "auto".</returns>
    public static double? Positive(JsonElement parent, string property, string name, double max)
    {
        if (Find(parent, property) is not { } value || IsAuto(value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number > 0 && number <= max
            ? number
            : throw ApiException.InvalidRequest($"{name} must be a number above 0 and at most {max}", name);
    }

    public static void RefuseOthers(JsonElement element, string name, params string[] known)
    {
        if (element.ValueKind != JsonValueKind.Object)
            return;
        foreach (var property in element.EnumerateObject().Where(property => !known.Contains(property.Name)))
            throw ApiException.InvalidRequest($"Unknown parameter: {name}.{property.Name}", $"{name}.{property.Name}", "unknown_parameter");
    }

    private static bool IsAuto(JsonElement value) => value.ValueKind == JsonValueKind.String && value.ValueEquals("auto");
}
