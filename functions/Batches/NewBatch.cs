using System.Globalization;
using System.Text.RegularExpressions;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>The parameters of <c>POST /v1/batches</c> that files and folders have in common, checked.</summary>
internal sealed partial record NewBatch
{
    private static readonly TimeSpan s_longestWindow = TimeSpan.FromDays(14);

    public required string Endpoint { get; init; }

    /// <summary>The completion window as the client wrote it.</summary>
    public required string CompletionWindow { get; init; }

    public required TimeSpan Window { get; init; }

    /// <summary>A JSON object of strings, or null.</summary>
    public string? Metadata { get; init; }

    /// <summary>How long the results are kept; null leaves it to the service.</summary>
    public TimeSpan? OutputExpiresAfter { get; init; }

    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static NewBatch Read(JsonReader body)
    {
        string endpoint = body.Text("endpoint");
        if (!BatchEndpoint.All.Contains(endpoint))
            throw body.Invalid("endpoint", $"must be one of {string.Join(", ", BatchEndpoint.All)}, not '{Excerpt.Of(endpoint)}'");
        string window = body.Text("completion_window");
        return new NewBatch
        {
            Endpoint = endpoint,
            CompletionWindow = window,
            Window = Duration(window) ?? throw body.Invalid(
                "completion_window", $"must be a time from 1h to {s_longestWindow.Days}d, such as 24h, not '{Excerpt.Of(window)}'"),
            Metadata = Http.Metadata.Read(body),
            OutputExpiresAfter = ExpiresAfter.Read(body.Object("output_expires_after")),
        };
    }

    private static TimeSpan? Duration(string window)
    {
        if (WindowPattern().Match(window) is not { Success: true } match)
            return null;
        int count = int.Parse(match.Groups["count"].ValueSpan, CultureInfo.InvariantCulture);
        var duration = match.Groups["unit"].Value == "h" ? TimeSpan.FromHours(count) : TimeSpan.FromDays(count);
        return duration > TimeSpan.Zero && duration <= s_longestWindow ? duration : null;
    }

    [GeneratedRegex("^(?<count>[0-9]{1,6})(?<unit>[hd])\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex WindowPattern();
}
