using System.Globalization;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Http;

/// <summary>OpenAI's <c>expires_after</c>: <c>{"anchor": "created_at", "seconds": 3600 to 2592000}</c>.</summary>
internal static class ExpiresAfter
{
    private const int MinSeconds = 3_600, MaxSeconds = 2_592_000;

    /// <summary>Two fields of a form.</summary>
    /// <returns>Null when neither is there.</returns>
    public static TimeSpan? Read(string? anchor, string? seconds)
    {
        if (anchor is null && seconds is null)
            return null;
        int? number = int.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : null;
        return Checked(anchor, number, "expires_after");
    }

    /// <summary>A JSON object.</summary>
    /// <param name="value">Null when it is absent.</param>
    public static TimeSpan? Read(JsonReader? value)
    {
        if (value is null)
            return null;
        value.Pass("anchor", "seconds");
        value.RequireNothingElse();
        return Checked(value.Json.FindText("anchor"), value.Json.FindInteger("seconds"), value.Path);
    }

    private static TimeSpan Checked(string? anchor, int? seconds, string name) =>
        anchor == "created_at" && seconds is >= MinSeconds and <= MaxSeconds ? TimeSpan.FromSeconds(seconds.Value) : throw Refused(name);

    private static ApiException Refused(string name) =>
        ApiException.InvalidRequest($"{name} must have the anchor 'created_at' and {MinSeconds} to {MaxSeconds} seconds", name);
}
