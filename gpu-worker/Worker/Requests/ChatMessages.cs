using System.Text.Json;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>Reads the dialogue of a chat request.</summary>
internal static class ChatMessages
{
    private static readonly HashSet<string> s_roles = ["system", "developer", "user", "assistant"];

    /// <exception cref="LineException">A message is malformed, or has a parameter that is unknown or not offered.</exception>
    public static IReadOnlyList<ChatMessage> Read(RequestBody body)
    {
        if (body.Find("messages") is not { ValueKind: JsonValueKind.Array } list || list.GetArrayLength() == 0)
            throw body.Missing("messages", "must be a list of at least one message");
        return [.. body.Objects("messages", list, NeutralParameters.OfMessage).Select(ReadMessage)];
    }

    private static ChatMessage ReadMessage(RequestBody message)
    {
        string? role = message.Find("role") is { ValueKind: JsonValueKind.String } name ? name.GetString() : null;
        if (role is null || !s_roles.Contains(role))
            throw message.Invalid("role", $"must be one of {string.Join(", ", s_roles)}");
        var content = message.Find("content");
        message.RequireNothingElse();
        // In training data a developer's message is the system's, so the models treat it the same.
        return new ChatMessage(role == "developer" ? "system" : role, ReadContent(message, content));
    }

    /// <summary>A text, or a list of text parts, which are joined.</summary>
    private static string ReadContent(RequestBody message, JsonElement? content) => content switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString()!,
        { ValueKind: JsonValueKind.Array } parts =>
            string.Concat(message.Objects("content", parts, NeutralParameters.OfPart).Select(ReadPart)),
        _ => throw message.Invalid("content", "must be a text, or a list of text parts"),
    };

    private static string ReadPart(RequestBody part)
    {
        if (part.Find("type") is not { ValueKind: JsonValueKind.String } type || type.GetString() != "text")
            throw part.Invalid("type", "must be text: parts of other types are not supported");
        string text = part.Text("text");
        part.RequireNothingElse();
        return text;
    }
}
