using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Client.Wire;

namespace LLaDA.Batch.Client.Answers;

/// <summary>Reads the events of an answer that comes about.</summary>
internal static class AnswerStream
{
    public static async IAsyncEnumerable<AnswerUpdate> ReadAsync(
        Transport transport, string path, SamplingRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var body = JsonSerializer.SerializeToNode(request, request.GetType(), WireJson.Options)!.AsObject();
        body["stream"] = JsonValue.Create(true);
        await foreach (var data in transport.EventsAsync(path, body, cancellation))
        {
            if (Update(data) is { } update)
                yield return update;
        }
    }

    private static AnswerUpdate? Update(JsonElement data)
    {
        if (data.TryGetProperty("type", out var type) && type.GetString() == "diffusion_frame")
            return new AnswerUpdate { Frame = data.Deserialize<AnswerFrame>(WireJson.Options) };
        if (data.TryGetProperty("spans", out _))
            return new AnswerUpdate { Infill = data.Deserialize<InfillAnswer>(WireJson.Options) };
        string? text = data.TryGetProperty("choices", out var choices) && choices.GetArrayLength() > 0
            && choices[0].TryGetProperty("delta", out var delta) && delta.TryGetProperty("content", out var content)
            ? content.GetString()
            : null;
        return string.IsNullOrEmpty(text) ? null : new AnswerUpdate { Text = text };
    }
}
