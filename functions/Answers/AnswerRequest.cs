using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>A request for an answer at once: the body of a batch line, and how it is to be answered.</summary>
/// <remarks>The worker checks the other parameters of the body, as it does for a line.</remarks>
internal sealed record AnswerRequest
{
    private const string StreamName = "stream", StreamOptionsName = "stream_options";

    /// <summary>The line of every answer, without its body.</summary>
    public static ShardLine EmptyLine { get; } = new(Line: 1, CustomId: "now", JsonElement.Parse("{}"));

    public required string Endpoint { get; init; }

    public required ModelRecord Model { get; init; }

    /// <summary>The only line of the shard; without the parameters that say how it is answered.</summary>
    public required ShardLine Line { get; init; }

    /// <summary>Whether server-sent events are asked for.</summary>
    public required bool IsStreamed { get; init; }

    /// <summary>Whether the last event of a stream states the usage.</summary>
    public required bool StreamsUsage { get; init; }

    /// <param name="findModel">Null when the tenant has no model of that name.</param>
    /// <exception cref="ApiException">400 or 404, naming the parameter.</exception>
    public static async Task<AnswerRequest> ReadAsync(string endpoint, JsonReader body, Func<string, Task<ModelRecord?>> findModel)
    {
        string id = body.Text("model");
        bool isStreamed = body.Flag(StreamName) ?? false;
        var options = body.Object(StreamOptionsName);
        bool streamsUsage = options?.Flag("include_usage") ?? false;
        options?.Pass("include_obfuscation");
        options?.RequireNothingElse();
        if (isStreamed && endpoint == BatchEndpoint.Score)
            throw body.Invalid(StreamName, $"is not offered for {BatchEndpoint.Score}, which has no steps to show");
        var model = await findModel(id) ?? throw NoModel(id);
        return new AnswerRequest
        {
            Endpoint = endpoint,
            Model = model,
            Line = EmptyLine with { Body = Without(body.Json, StreamName, StreamOptionsName) },
            IsStreamed = isStreamed,
            StreamsUsage = streamsUsage,
        };
    }

    private static JsonElement Without(JsonElement body, params string[] names)
    {
        if (!names.Any(name => body.TryGetProperty(name, out _)))
            return body;
        var kept = JsonObject.Create(body)!;
        foreach (string name in names)
            kept.Remove(name);
        return JsonSerializer.SerializeToElement(kept, WireJson.Options);
    }

    private static ApiException NoModel(string id) => new(
        StatusCodes.Status404NotFound,
        new ApiError(
            $"There is no model '{Excerpt.Of(id)}'; GET /v1/models lists yours", "invalid_request_error", "model", "model_not_found"));
}
