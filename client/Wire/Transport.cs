using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace LLaDA.Batch.Client.Wire;

/// <summary>Sends requests with the key, and turns refusals into <see cref="ServiceException"/>.</summary>
internal sealed class Transport(HttpClient http, Uri address, string apiKey)
{
    private const string EventPrefix = "data: ", LastEvent = "[DONE]", FurtherWait = "wait=60";

    public Task<T> GetAsync<T>(string path, CancellationToken cancellation) =>
        ReadAsync<T>(HttpMethod.Get, path, content: null, cancellation);

    /// <param name="body">Null sends no body.</param>
    public Task<T> PostAsync<T>(string path, object? body, CancellationToken cancellation) =>
        ReadAsync<T>(HttpMethod.Post, path, Json(body), cancellation);

    public Task<T> PostAsync<T>(string path, HttpContent content, CancellationToken cancellation) =>
        ReadAsync<T>(HttpMethod.Post, path, content, cancellation);

    /// <summary>Sends bytes to an address that needs no key.</summary>
    public async Task PutAsync(Uri target, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        using var body = new ReadOnlyMemoryContent(content);
        using var response = await http.PutAsync(target, body, cancellation);
        if (!response.IsSuccessStatusCode)
            throw await FailureAsync(response, cancellation);
    }

    /// <summary>Asks for an answer, for as long as it takes: a late one is fetched from where the service says that it will be.</summary>
    public async Task<T> AskAsync<T>(string path, object body, CancellationToken cancellation)
    {
        var response = await TrySendAsync(HttpMethod.Post, path, Json(body), cancellation);
        while (response.Headers.Location is { } later
            && response.StatusCode is HttpStatusCode.ServiceUnavailable or HttpStatusCode.Accepted)
        {
            response.Dispose();
            response = await TrySendAsync(HttpMethod.Get, later.OriginalString, content: null, cancellation, prefer: FurtherWait);
        }
        using (response)
        {
            return response.IsSuccessStatusCode
                ? (await response.Content.ReadFromJsonAsync<T>(WireJson.Options, cancellation))!
                : throw await FailureAsync(response, cancellation);
        }
    }

    public async Task DeleteAsync(string path, CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Delete, path, content: null, cancellation);
    }

    /// <returns>The body of the answer; the caller disposes of it.</returns>
    public async Task<Stream> OpenAsync(string path, CancellationToken cancellation)
    {
        var response = await SendAsync(HttpMethod.Get, path, content: null, cancellation);
        return await response.Content.ReadAsStreamAsync(cancellation);
    }

    /// <summary>The objects of an answer in JSON Lines, as they arrive.</summary>
    public async IAsyncEnumerable<T> LinesAsync<T>(string path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Get, path, content: null, cancellation);
        await foreach (string line in TextLinesAsync(response, cancellation))
        {
            if (line.Length > 0)
                yield return JsonSerializer.Deserialize<T>(line, WireJson.Options)!;
        }
    }

    /// <summary>The data of an answer in server-sent events, without the closing <c>[DONE]</c>.</summary>
    /// <exception cref="ServiceException">The service failed in the middle.</exception>
    public async IAsyncEnumerable<JsonElement> EventsAsync(
        string path, object body, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var response = await SendAsync(HttpMethod.Post, path, Json(body), cancellation);
        await foreach (string line in TextLinesAsync(response, cancellation))
        {
            if (!line.StartsWith(EventPrefix, StringComparison.Ordinal) || line.AsSpan(EventPrefix.Length) is LastEvent)
                continue;
            var data = JsonElement.Parse(line.AsSpan(EventPrefix.Length));
            if (data.TryGetProperty("error", out var error))
                throw Failure(error, response, status: 500);
            yield return data;
        }
    }

    private static JsonContent? Json(object? body) => body is null ? null : JsonContent.Create(body, body.GetType(),
        options: WireJson.Options);

    private async Task<T> ReadAsync<T>(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation)
    {
        using var response = await SendAsync(method, path, content, cancellation);
        return (await response.Content.ReadFromJsonAsync<T>(WireJson.Options, cancellation))!;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation)
    {
        var response = await TrySendAsync(method, path, content, cancellation);
        if (response.IsSuccessStatusCode)
            return response;
        using (response)
            throw await FailureAsync(response, cancellation);
    }

    /// <returns>An answer of any status.</returns>
    private async Task<HttpResponseMessage> TrySendAsync(
        HttpMethod method, string path, HttpContent? content, CancellationToken cancellation, string? prefer = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(address, path.TrimStart('/'))) { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", apiKey);
        if (prefer is not null)
            request.Headers.Add("Prefer", prefer);
        try
        {
            return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        }
        catch (HttpRequestException failure)
        {
            throw new ServiceException(
                $"{address} cannot be reached ({failure.Message}): check the address, and that the service is up", 0, null, null, null,
                    failure);
        }
    }

    private static async Task<ServiceException> FailureAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        int status = (int)response.StatusCode;
        try
        {
            var body = await response.Content.ReadFromJsonAsync<JsonElement>(cancellation);
            return Failure(body.GetProperty("error"), response, status);
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return new ServiceException($"The service answered with status {status}", status, null, RequestIdOf(response), null, failure);
        }
    }

    private static ServiceException Failure(JsonElement error, HttpResponseMessage response, int status) => new(
        error.GetProperty("message").GetString() ?? $"The service answered with status {status}", status,
        error.TryGetProperty("code", out var code) ? code.GetString() : null, RequestIdOf(response), response.Headers.RetryAfter?.Delta);

    private static string? RequestIdOf(HttpResponseMessage response) =>
        response.Headers.TryGetValues("x-request-id", out var values) ? values.FirstOrDefault() : null;

    private static async IAsyncEnumerable<string> TextLinesAsync(
        HttpResponseMessage response, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellation));
        while (await reader.ReadLineAsync(cancellation) is { } line)
            yield return line;
    }
}
