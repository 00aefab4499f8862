using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Worker.Requests;

/// <summary><c>/v1/chat/completions</c>: the assistant's next message in a dialogue.</summary>
internal sealed class ChatJob(Generation generation, string modelId, DateTimeOffset now) : ILineJob
{
    /// <summary>The reference's gen_length, where a line asks for none.</summary>
    private const int DefaultMaxTokens = 128;

    private static readonly HashSet<string> s_roles = ["system", "developer", "user", "assistant"];

    public static ChatJob Read(RequestBody body, LoadedModel model, ulong seed, DateTimeOffset now)
    {
        var messages = ReadMessages(body);
        var options = SamplingParameters.Read(body, GenerationParameters.DefaultBlockLength, seed) with { StopsAtEos = true };
        var stops = GenerationParameters.ReadStops(body);
        int? maxTokens = body.Integer("max_completion_tokens");
        maxTokens = body.Integer("max_tokens") ?? maxTokens;
        body.RequireNothingElse();
        if (!model.Tokenizer.KnowsDialogues)
            throw new LineException("chat_not_supported", $"'{model.Id}' is a base model without tokens for dialogues; use {BatchEndpoint.Completions}", "model");

        var prompt = ChatTemplate.Encode(model.Tokenizer, messages);
        int newTokens = GenerationParameters.NewTokens(model, prompt.Count, maxTokens, DefaultMaxTokens);
        return new ChatJob(new Generation(model, prompt, newTokens, [], stops, options), model.Id, now);
    }

    public async Task<(object Body, LineUsage Usage)> RunAsync(ModelOperations model)
    {
        var (text, finishReason, usage) = generation.Result(await model.SampleAsync(generation.Row));
        var choice = new ChatChoice(0, new ChatAnswerMessage("assistant", text.Trim()), finishReason, null);
        return (new ChatAnswer($"chatcmpl-{Guid.NewGuid():N}", now.ToUnixTimeSeconds(), modelId, [choice], usage), usage);
    }

    private static List<ChatMessage> ReadMessages(RequestBody body)
    {
        if (body.Find("messages") is not { ValueKind: JsonValueKind.Array } array || array.GetArrayLength() == 0)
            throw new LineException("missing_required_parameter", "messages must be a list of at least one message", "messages");
        List<ChatMessage> messages = [];
        foreach (var message in array.EnumerateArray())
        {
            string? role = message.ValueKind == JsonValueKind.Object && message.TryGetProperty("role", out var name) && name.ValueKind == JsonValueKind.String ? name.GetString() : null;
            if (role is null || !s_roles.Contains(role))
                throw RequestBody.Invalid("messages", $"[{messages.Count}].role must be one of {string.Join(", ", s_roles)}");
            // Training knows a developer's message as the system's, and so do the models.
            messages.Add(new ChatMessage(role == "developer" ? "system" : role, Content(message) ?? throw RequestBody.Invalid("messages", $"[{messages.Count}].content must be a text, or a list of text parts")));
        }
        return messages;
    }

    /// <summary>A text, or OpenAI's list of parts of which all are texts.</summary>
    private static string? Content(JsonElement message)
    {
        if (!message.TryGetProperty("content", out var content))
            return null;
        if (content.ValueKind == JsonValueKind.String)
            return content.GetString();
        if (content.ValueKind != JsonValueKind.Array)
            return null;
        string?[] parts = [.. content.EnumerateArray().Select(part =>
            part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.GetString() == "text"
            && part.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null)];
        return Array.Exists(parts, part => part is null) ? null : string.Concat(parts);
    }
}

internal sealed record ChatAnswer(string Id, long Created, string Model, IReadOnlyList<ChatChoice> Choices, LineUsage Usage)
{
    public string Object { get; init; } = "chat.completion";
}

internal sealed record ChatChoice(int Index, ChatAnswerMessage Message, string FinishReason, object? Logprobs);

internal sealed record ChatAnswerMessage(string Role, string Content);
