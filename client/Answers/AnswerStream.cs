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
        JsonElement? choice = data.TryGetProperty("choices", out var choices) && choices.GetArrayLength() > 0 ? choices[0] : null;
        int index = choice is { } numbered && numbered.TryGetProperty("index", out var number) ? number.GetInt32() : 0;
        if (data.TryGetProperty("type", out var type) && type.GetString() == "diffusion_frame")
            return new AnswerUpdate { Choice = index, Frame = data.Deserialize<AnswerFrame>(WireJson.Options) };
        if (data.TryGetProperty("spans", out _))
            return new AnswerUpdate { Infill = data.Deserialize<InfillAnswer>(WireJson.Options) };
        string? text = choice is { } chosen
            && chosen.TryGetProperty("delta", out var delta) && delta.TryGetProperty("content", out var content)
            ? content.GetString()
            : null;
        return string.IsNullOrEmpty(text) ? null : new AnswerUpdate { Choice = index, Text = text };
    }
}
