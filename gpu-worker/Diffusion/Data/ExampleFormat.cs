using System.Text.Json;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>A prompt and the answer to it, before they are tokens.</summary>
/// <param name="History">The dialogue up to the answer; null for plain text.</param>
/// <param name="Prompt">The text before the answer where there is no dialogue.</param>
internal sealed record ExampleText(IReadOnlyList<ChatMessage>? History, string Prompt, string Answer);

/// <summary>
/// Reads OpenAI's lines of fine-tuning data: <c>{"messages": [...]}</c>, or <c>{"prompt": "...", "completion": "..."}</c>. A dialogue with n answers is n pairs of history and answer;
/// an answer of weight 0 is history alone.
/// </summary>
internal static class ExampleFormat
{
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };

    /// <returns>At least one pair.</returns>
    /// <exception cref="FormatException">What is wrong with the line, as a sentence.</exception>
    public static IReadOnlyList<ExampleText> Read(ReadOnlyMemory<byte> line)
    {
        try
        {
            using var json = JsonDocument.Parse(line, s_strict);
            return Read(json.RootElement);
        }
        catch (JsonException exception)
        {
            throw new FormatException($"not valid JSON: {exception.Message}", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new FormatException("its text is not valid Unicode", exception);
        }
    }

    private static List<ExampleText> Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new FormatException("expected an object");
        if (root.TryGetProperty("messages", out var messages))
        {
            RefuseOthers(root, "messages");
            return Pairs(Messages(messages));
        }
        RefuseOthers(root, "prompt", "completion");
        string prompt = Text(root, "prompt"), completion = Text(root, "completion");
        return completion.Length > 0 ? [new ExampleText(null, prompt, completion)] : throw new FormatException("completion is empty");
    }

    private static List<(ChatMessage Message, bool IsLearnt)> Messages(JsonElement array)
    {
        if (array.ValueKind != JsonValueKind.Array || array.GetArrayLength() == 0)
            throw new FormatException("messages must be a list of at least one message");
        List<(ChatMessage, bool)> messages = [];
        foreach (var message in array.EnumerateArray())
        {
            if (message.ValueKind != JsonValueKind.Object)
                throw new FormatException("a message must be an object");
            RefuseOthers(message, "role", "content", "weight", "name");
            string role = Text(message, "role") switch
            {
                "developer" => "system",
                "system" or "user" or "assistant" => Text(message, "role"),
                var other => throw new FormatException($"role is \"{other}\"; it must be system, developer, user or assistant"),
            };
            messages.Add((new ChatMessage(role, Text(message, "content")), role == "assistant" && IsLearnt(message)));
        }
        return messages;
    }

    private static bool IsLearnt(JsonElement message)
    {
        if (!message.TryGetProperty("weight", out var weight))
            return true;
        return weight.ValueKind == JsonValueKind.Number && weight.TryGetInt32(out int value) && value is 0 or 1
            ? value == 1
            : throw new FormatException($"weight is {weight.GetRawText()}; it must be 0 or 1");
    }

    private static List<ExampleText> Pairs(List<(ChatMessage Message, bool IsLearnt)> messages)
    {
        List<ExampleText> pairs = [];
        foreach (var (index, (message, isLearnt)) in messages.Index())
        {
            if (!isLearnt)
                continue;
            if (message.Content.AsSpan().Trim().IsEmpty)
                throw new FormatException($"message {index + 1}, an answer, is empty");
            if (index == 0)
                throw new FormatException("the first message is an answer without a question");
            pairs.Add(new ExampleText([.. messages.Take(index).Select(entry => entry.Message)], "", message.Content));
        }
        return pairs.Count > 0 ? pairs : throw new FormatException("no message of an assistant to learn from");
    }

    private static string Text(JsonElement element, string name)
    {
        if (!element.TryGetProperty(name, out var text))
            throw new FormatException($"{name} is missing");
        return text.ValueKind == JsonValueKind.String ? text.GetString()! : throw new FormatException($"{name} must be text");
    }

    private static void RefuseOthers(JsonElement element, params ReadOnlySpan<string> known)
    {
        foreach (var property in element.EnumerateObject())
        {
            if (!known.Contains(property.Name))
                throw new FormatException($"\"{property.Name}\" is not supported");
        }
    }
}
