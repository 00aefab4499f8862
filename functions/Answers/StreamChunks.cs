using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>
/// The events of a stream, as OpenAI's clients read them. A frame is a chunk that adds no text; clients that do not know its further
/// properties pass over them.
/// </summary>
internal sealed class StreamChunks(BatchRecord answer, bool statesUsage)
{
    private readonly bool _isChat = answer.Endpoint == BatchEndpoint.ChatCompletions;
    private readonly string _id = (answer.Endpoint == BatchEndpoint.ChatCompletions ? "chatcmpl-" : "cmpl-") + answer.Id;

    /// <summary>The role of a choice's message; null where the endpoint has none.</summary>
    public JsonObject? Begin(int choice) =>
        _isChat ? Chunk(Choice(choice, new JsonObject { ["role"] = "assistant", ["content"] = "" })) : null;

    /// <summary>A step: what is known of the whole text, and no new text.</summary>
    public JsonObject Frame(AnswerFrame frame)
    {
        var chunk = answer.Endpoint == BatchEndpoint.Infill ? Common("infill.chunk") : Chunk(Choice(frame.Answer, text: ""));
        chunk["type"] = "diffusion_frame";
        chunk["block"] = frame.Block;
        chunk["step"] = frame.Step;
        chunk["masks_left"] = frame.MasksLeft;
        chunk["text"] = frame.Text;
        return chunk;
    }

    /// <summary>Text that is settled.</summary>
    public JsonObject Text(int choice, string text) => Chunk(Choice(choice, text));

    /// <summary>The end of a choice, with what is known of it as a whole.</summary>
    /// <param name="body">The choice of the whole answer.</param>
    public JsonObject End(int choice, JsonNode body)
    {
        var end = _isChat ? Choice(choice, new JsonObject()) : Choice(choice, text: "");
        end["finish_reason"] = body["finish_reason"]?.DeepClone();
        end["logprobs"] = body["logprobs"]?.DeepClone();
        if (body["trace"] is { } trace)
            end["trace"] = trace.DeepClone();
        return Chunk(end);
    }

    /// <summary>The usage, in an event of its own; null where it was not asked for.</summary>
    public JsonObject? Usage(JsonNode body)
    {
        if (!statesUsage)
            return null;
        var chunk = Chunk();
        chunk["usage"] = body["usage"]?.DeepClone();
        return chunk;
    }

    private JsonObject Chunk(params JsonNode[] choices)
    {
        var chunk = Common(_isChat ? "chat.completion.chunk" : "text_completion");
        chunk["choices"] = new JsonArray(choices);
        if (statesUsage)
            chunk["usage"] = null;
        return chunk;
    }

    private JsonObject Common(string kind) => new()
    {
        ["id"] = _id,
        ["object"] = kind,
        ["created"] = answer.CreatedAt.ToUnixTimeSeconds(),
        ["model"] = answer.Model,
    };

    private JsonObject Choice(int index, string text) => _isChat
        ? Choice(index, text.Length == 0 ? [] : new JsonObject { ["content"] = text })
        : new JsonObject { ["text"] = text, ["index"] = index, ["logprobs"] = null, ["finish_reason"] = null };

    private static JsonObject Choice(int index, JsonObject delta) =>
        new() { ["index"] = index, ["delta"] = delta, ["logprobs"] = null, ["finish_reason"] = null };
}
