using System.Globalization;

namespace LLaDA.Batch.Functions.Http;

/// <summary>
/// The header <c>Prefer</c> (RFC 7240) of a request that may take long: <c>wait=N</c> is the time to wait in seconds, and
/// <c>respond-async</c> asks for 202 in place of an error when that time is over. Other preferences are ignored, as the RFC demands.
/// </summary>
internal sealed record Preference(TimeSpan? Wait, bool RespondsAsync)
{
    public const string Header = "Prefer";

    /// <summary>Azure Functions ends a request after 230 seconds.</summary>
    public const int MaxWaitSeconds = 200;

    private const string WaitName = "wait", AsyncName = "respond-async";

    /// <exception cref="ApiException">400: the time is out of range.</exception>
    public static Preference Read(HttpRequest request)
    {
        var preference = new Preference(Wait: null, RespondsAsync: false);
        string[] asked = [.. request.Headers[Header].SelectMany(value => (value ?? "").Split(',', StringSplitOptions.TrimEntries))];
        foreach (string text in asked)
        {
            string[] pair = text.Split(';')[0].Split('=', 2, StringSplitOptions.TrimEntries);
            if (Is(pair[0], AsyncName))
                preference = preference with { RespondsAsync = true };
            else if (Is(pair[0], WaitName))
                preference = preference with { Wait = preference.Wait ?? Seconds(pair) };     // the first one counts
        }
        return preference;
    }

    private static bool Is(string name, string expected) => string.Equals(name, expected, StringComparison.OrdinalIgnoreCase);

    private static TimeSpan Seconds(string[] pair)
    {
        string text = pair.Length == 2 ? pair[1].Trim('"') : "";
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds <= MaxWaitSeconds)
            return TimeSpan.FromSeconds(seconds);
        throw ApiException.InvalidRequest(
            $"{Header}: {WaitName} must be a whole number of seconds from 0 to {MaxWaitSeconds}, not '{text}'", Header, "invalid_wait");
    }
}
