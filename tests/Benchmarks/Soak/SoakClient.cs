using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Benchmarks.Soak;

/// <summary>A tenant's client, which sends a request again until it is answered, as clients do while a service restarts.</summary>
internal sealed class SoakClient(HttpClient http) : IDisposable
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);

    /// <returns>The id of the file.</returns>
    public async Task<(string Id, WriteTime Time)> UploadAsync(string content, string purpose, CancellationToken cancellation)
    {
        var (file, time) = await SendAsync(() => http.PostAsync("/v1/files", Form(content, purpose), cancellation), cancellation);
        return (file["id"]!.GetValue<string>(), time);
    }

    public Task<(JsonNode Answer, WriteTime Time)> PostAsync(string path, object body, CancellationToken cancellation) =>
        SendAsync(() => http.PostAsJsonAsync(path, body, cancellation), cancellation);

    /// <returns>Null where the service does not know the object.</returns>
    public async Task<JsonNode?> FindAsync(string path, CancellationToken cancellation)
    {
        try
        {
            return (await SendAsync(() => http.GetAsync(path, cancellation), cancellation)).Answer;
        }
        catch (HttpRequestException missing) when (missing.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    /// <returns>Null where its bytes are gone.</returns>
    public async Task<string?> FindContentAsync(string file, CancellationToken cancellation)
    {
        using var response = await http.GetAsync($"/v1/files/{file}/content", cancellation);
        return response.IsSuccessStatusCode ? await response.Content.ReadAsStringAsync(cancellation) : null;
    }

    /// <summary>All objects of a list, page by page.</summary>
    public async Task<IReadOnlyList<JsonNode>> ListAsync(string path, CancellationToken cancellation)
    {
        List<JsonNode> all = [];
        while (true)
        {
            string after = all.Count == 0 ? "" : $"&after={all[^1]["id"]}";
            var page = (await FindAsync($"{path}?limit=100{after}", cancellation))!;
            all.AddRange(page["data"]!.AsArray().Select(entry => entry!));
            if (page["has_more"]?.GetValue<bool>() != true)
                return all;
        }
    }

    public void Dispose() => http.Dispose();

    private static MultipartFormDataContent Form(string content, string purpose) => new()
    {
        { new StringContent(purpose), "purpose" },
        { new ByteArrayContent(Encoding.UTF8.GetBytes(content)), "file", "soak.jsonl" },
    };

    /// <exception cref="HttpRequestException">An answer that no retry changes.</exception>
    private static async Task<(JsonNode Answer, WriteTime Time)> SendAsync(
        Func<Task<HttpResponseMessage>> send, CancellationToken cancellation)
    {
        while (true)
        {
            var asked = TimeProvider.System.GetUtcNow();
            try
            {
                using var response = await send();
                string text = await response.Content.ReadAsStringAsync(cancellation);
                if (response.IsSuccessStatusCode)
                    return (JsonNode.Parse(text)!, new WriteTime(asked, TimeProvider.System.GetUtcNow()));
                // 401 while Azurite starts again: the stack puts keys back that it has forgotten.
                bool passes = (int)response.StatusCode >= 500
                    || response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.Unauthorized;
                if (!passes)
                    throw new HttpRequestException(text, inner: null, response.StatusCode);
            }
            catch (Exception exception) when (IsInterruption(exception) && !cancellation.IsCancellationRequested)
            {
                // The process that answered was killed.
            }
            await Task.Delay(s_pause, cancellation);
        }
    }

    private static bool IsInterruption(Exception exception) =>
        exception is HttpRequestException { StatusCode: null } or IOException or OperationCanceledException or JsonException;
}
