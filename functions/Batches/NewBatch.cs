using System.Text.Json;
using System.Text.RegularExpressions;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>The body of <c>POST /v1/batches</c>, checked.</summary>
/// <param name="Body">The body itself, for what it says of documents.</param>
internal sealed partial record NewBatch(JsonElement Body, string Endpoint, string CompletionWindow, TimeSpan Window, string? Metadata, TimeSpan? OutputExpiresAfter)
{
    private static readonly TimeSpan s_longestWindow = TimeSpan.FromDays(14);

    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static async Task<NewBatch> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        var body = await JsonBody.ReadAsync(request, cancellation);
        string endpoint = JsonBody.Text(body, "endpoint");
        if (!BatchEndpoint.All.Contains(endpoint))
            throw ApiException.InvalidRequest($"endpoint must be one of {string.Join(", ", BatchEndpoint.All)}, not '{endpoint}'", "endpoint");
        string window = JsonBody.Text(body, "completion_window");
        return new NewBatch(body, endpoint, window, Duration(window), Http.Metadata.Read(body), ExpiresAfter.Read(body, "output_expires_after"));
    }

    private static TimeSpan Duration(string window)
    {
        if (WindowPattern().Match(window) is { Success: true } match && int.TryParse(match.Groups["count"].ValueSpan, out int count))
        {
            var duration = match.Groups["unit"].Value == "h" ? TimeSpan.FromHours(count) : TimeSpan.FromDays(count);
            if (duration > TimeSpan.Zero && duration <= s_longestWindow)
                return duration;
        }
        throw ApiException.InvalidRequest($"completion_window must be a time from 1h to {s_longestWindow.Days}d, such as 24h, not '{window}'", "completion_window");
    }

    [GeneratedRegex("^(?<count>[0-9]{1,6})(?<unit>[hd])\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex WindowPattern();
}
