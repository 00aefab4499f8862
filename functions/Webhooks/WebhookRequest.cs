using System.Net;
using System.Text.Json;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>Where a client wants to be called and for which events, checked.</summary>
internal sealed record WebhookRequest(string Url, IReadOnlyList<string> Events)
{
    private const int MaxUrlLength = 2_000;

    /// <param name="body">An object with <c>url</c> and perhaps <c>events</c>, and nothing else.</param>
    /// <param name="types">The events that can be asked for; a client that names none gets all of them.</param>
    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static WebhookRequest Read(JsonReader body, IReadOnlyList<string> types, WebhookOptions options, SecretBox secrets)
    {
        var request = new WebhookRequest(ReadUrl(body, options), ReadEvents(body, types));
        body.RequireNothingElse();
        return secrets.IsOffered ? request : throw ApiException.InvalidRequest(
            "Webhooks are not offered by this installation: it has no key to encrypt their secrets with", code: "not_offered");
    }

    /// <summary>Refuses at once what the text shows; the addresses behind a name are checked at every connection.</summary>
    private static string ReadUrl(JsonReader body, WebhookOptions options)
    {
        string text = body.Text("url");
        bool isGood = text.Length <= MaxUrlLength && Uri.TryCreate(text, UriKind.Absolute, out var url) && IsAllowed(url, options);
        return isGood
            ? text
            : throw body.Invalid("url", $"must begin with https:// and name a public host, in at most {MaxUrlLength} characters");
    }

    private static bool IsAllowed(Uri url, WebhookOptions options)
    {
        if (url.UserInfo.Length > 0 || url.Fragment.Length > 0)
            return false;
        if (options.AllowLocal)
            return url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp;
        return url.Scheme == Uri.UriSchemeHttps
            && !url.IsLoopback
            && (!IPAddress.TryParse(url.Host, out var address) || PublicAddresses.Contains(address));
    }

    private static IReadOnlyList<string> ReadEvents(JsonReader body, IReadOnlyList<string> types)
    {
        if (body.Find("events") is not { } events)
            return types;
        bool isGood = events.ValueKind == JsonValueKind.Array
            && events.GetArrayLength() > 0
            && events.EnumerateArray().All(type => type.ValueKind == JsonValueKind.String && types.Contains(type.GetString()!));
        return isGood
            ? [.. events.EnumerateArray().Select(type => type.GetString()!).Distinct()]
            : throw body.Invalid("events", $"must be a list of some of {string.Join(", ", types)}");
    }
}
