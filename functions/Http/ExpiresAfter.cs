using System.Text.Json;

namespace LLaDA.Batch.Functions.Http;

/// <summary>OpenAI's <c>expires_after</c>: <c>{"anchor": "created_at", "seconds": 3600 to 2592000}</c>.</summary>
internal static class ExpiresAfter
{
    private const int MinSeconds = 3_600, MaxSeconds = 2_592_000;

    /// <summary>As two fields of a form.</summary>
    /// <returns>Null when neither was given.</returns>
    public static TimeSpan? Read(string? anchor, string? seconds) =>
        anchor is null && seconds is null ? null : Checked(anchor, int.TryParse(seconds, out int number) ? number : null, "expires_after");

    /// <summary>As a property of a body.</summary>
    public static TimeSpan? Read(JsonElement body, string name)
    {
        if (!body.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind != JsonValueKind.Object)
            return Checked(anchor: null, seconds: null, name);
        string? anchor = value.TryGetProperty("anchor", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;
        int? seconds = value.TryGetProperty("seconds", out var number) && number.ValueKind == JsonValueKind.Number && number.TryGetInt32(out int count) ? count : null;
        return Checked(anchor, seconds, name);
    }

    private static TimeSpan Checked(string? anchor, int? seconds, string name) => anchor == "created_at" && seconds is >= MinSeconds and <= MaxSeconds
        ? TimeSpan.FromSeconds(seconds.Value)
        : throw ApiException.InvalidRequest($"{name} must have the anchor 'created_at' and {MinSeconds} to {MaxSeconds} seconds", name);
}
