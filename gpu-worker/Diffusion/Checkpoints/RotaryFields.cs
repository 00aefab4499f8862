using System.Text.Json.Nodes;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>
/// The fields of config.json about the rotation of positions: only the plain one, without scaling, is computed.
/// </summary>
internal static class RotaryFields
{
    /// <returns>The base of the frequencies, from rope_theta or, as newer writers have it, from rope_parameters.</returns>
    public static double Theta(ConfigFields fields)
    {
        RequirePlain(fields, "rope_scaling");
        var parameters = RequirePlain(fields, "rope_parameters");
        if (fields.Find("rope_theta") is null && parameters?["rope_theta"] is { } inner)
            return Number(fields, inner);
        double theta = fields.Number("rope_theta");
        if (parameters?["rope_theta"] is { } other && Number(fields, other) != theta)
            fields.Refuse($"rope_theta is {theta} and rope_parameters.rope_theta is {other.ToJsonString()}, which disagree");
        return theta;
    }

    /// <summary>Refuses an object that asks for another rotation than the default, by the name of its field.</summary>
    private static JsonObject? RequirePlain(ConfigFields fields, string name)
    {
        if (fields.Find(name) is not { } value)
            return null;
        if (value is not JsonObject rotation)
        {
            fields.Refuse($"{name} is {value.ToJsonString()}, which is not supported");
            return null;
        }
        foreach (var (key, entry) in rotation)
        {
            bool isPlain = entry is null || key switch
            {
                "rope_type" or "type" => entry.ToString() == "default",
                "rope_theta" => true,
                "partial_rotary_factor" or "factor" => entry is JsonValue number && number.TryGetValue(out double factor) && factor == 1,
                _ => false,
            };
            if (!isPlain)
                fields.Refuse($"{name}.{key} is {entry!.ToJsonString()}, which is not supported");
        }
        return rotation;
    }

    private static double Number(ConfigFields fields, JsonNode value)
    {
        if (value is JsonValue number && number.TryGetValue(out double theta))
            return theta;
        fields.Refuse("rope_parameters.rope_theta must be a number");
        return 0;
    }
}
