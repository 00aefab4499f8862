using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Testing;

/// <summary>
/// A client that gives each request an Idempotency-Key and repeats a request that failed or got no answer.
/// </summary>
/// <param name="isTwice">Each request goes to two processes at once.</param>
/// <param name="wait">What it does before it sends a request again.</param>
internal sealed class CutOffClient(Restarted<FunctionsProcess> functions, string apiKey, bool isTwice, Action wait)
{
    private const int MaxTries = 40;

    private readonly List<Sent> _sent = [];

    private sealed record Sent(string Key, string Path, Func<HttpContent> Body, (string Name, string Value)[] Headers)
    {
        public string Answer { get; set; } = "";
    }

    public int NumRequests => _sent.Count;

    public Task<JsonNode> PostAsync(string path, object body, params (string Name, string Value)[] headers) =>
        PostAsync(path, () => JsonContent.Create(body), headers);

    public async Task<JsonNode> PostAsync(string path, Func<HttpContent> body, params (string Name, string Value)[] headers)
    {
        var request = new Sent($"key-{_sent.Count}", path, body, headers);
        request.Answer = await AnsweredAsync(request, _ => true);
        _sent.Add(request);
        return JsonNode.Parse(request.Answer)!;
    }

    /// <summary>Sends the last request again until its answer is the final one.</summary>
    public async Task RepeatAsync(Func<JsonNode, bool> isFinal) => _sent[^1].Answer = await AnsweredAsync(_sent[^1], isFinal);

    /// <summary>Sends all requests again.</summary>
    /// <exception cref="TrialException">One gets another answer than before.</exception>
    public async Task RepeatAllAsync()
    {
        foreach (var request in _sent)
        {
            string again = await AnsweredAsync(request, _ => true);
            if (again != request.Answer)
                throw new TrialException($"{request.Path} was answered {request.Answer}, then {again} {functions.Fault}");
        }
    }

    private async Task<string> AnsweredAsync(Sent request, Func<JsonNode, bool> isFinal)
    {
        string last = "";
        for (int tries = 0; tries < MaxTries; tries++)
        {
            string[] answers = [];
            async Task SendAsync(FunctionsProcess process)
            {
                var (status, text) = await process.SendAsync(Message(request));
                last = text;
                if (status is 200 or 202 && text.Length > 0 && !process.Transport.IsDead)
                    answers = [.. answers, text];
            }

            await Task.WhenAll(
                functions.TryAsync(request.Path, SendAsync), isTwice ? SendAsync(functions.Other) : Task.CompletedTask);
            string[] final = [.. answers.Where(answer => isFinal(JsonNode.Parse(answer)!))];
            if (final.Distinct(StringComparer.Ordinal).Count() > 1)
                throw new TrialException($"{request.Path} was answered {string.Join(" and ", final)} {functions.Fault}");
            if (final.Length > 0)
                return final[0];
            wait();
        }
        throw new TrialException($"{request.Path} got no answer, lastly {last} {functions.Fault}");
    }

    private HttpRequestMessage Message(Sent request)
    {
        var message = new HttpRequestMessage(HttpMethod.Post, request.Path) { Content = request.Body() };
        message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", apiKey);
        message.Headers.Add("Idempotency-Key", request.Key);
        foreach (var (name, value) in request.Headers)
            message.Headers.Add(name, value);
        return message;
    }
}
