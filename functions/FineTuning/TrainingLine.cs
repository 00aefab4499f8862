using System.Text.Json;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>
/// Checks a line of training data before any worker sees it: a dialogue (<c>messages</c>), a <c>prompt</c> with its <c>completion</c>, or plain <c>text</c> for pretraining. The
/// trainer reads the same formats (<c>ExampleFormat</c>) and adds what only a tokenizer can tell: whether a line fits the model's context.
/// </summary>
internal static class TrainingLine
{
    /// <returns>What is wrong with the line, as a sentence; null when it can be learnt from.</returns>
    public static string? Fault(TextLine line, FineTuningMethod method)
    {
        if (line.Bytes is null)
            return "it is longer than allowed";
        try
        {
            var json = StrictJson.Parse(line.Bytes);
            if (json.ValueKind != JsonValueKind.Object)
                return "it is not a JSON object";
            return method == FineTuningMethod.Pretrain ? TextFault(json) : json.TryGetProperty("messages", out var messages) ? Unknown(json, "messages") ?? DialogueFault(messages) : PairFault(json);
        }
        catch (InvalidJsonException invalid)
        {
            return $"it is not valid JSON: {invalid.Message}";
        }
    }

    private static string? TextFault(JsonElement json) => Unknown(json, "text") ?? NotText(json, "text") ?? (IsBlank(json, "text") ? "text is empty" : null);

    private static string? PairFault(JsonElement json) =>
        Unknown(json, "prompt", "completion") ?? NotText(json, "prompt") ?? NotText(json, "completion") ?? (json.GetProperty("completion").GetString()!.Length == 0 ? "completion is empty" : null);

    private static string? DialogueFault(JsonElement messages)
    {
        if (messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0)
            return "messages must be a list of at least one message";
        bool isAnyLearnt = false;
        foreach (var (index, message) in messages.EnumerateArray().Index())
        {
            if (MessageFault(message, index, out bool isLearnt) is { } fault)
                return $"message {index + 1}: {fault}";
            isAnyLearnt |= isLearnt;
        }
        return isAnyLearnt ? null : "it has no message of an assistant to learn from";
    }

    private static string? MessageFault(JsonElement message, int index, out bool isLearnt)
    {
        isLearnt = false;
        if (message.ValueKind != JsonValueKind.Object)
            return "it must be an object";
        if ((Unknown(message, "role", "content", "weight", "name") ?? NotText(message, "role") ?? NotText(message, "content")) is { } fault)
            return fault;
        string role = message.GetProperty("role").GetString()!;
        if (role is not ("system" or "developer" or "user" or "assistant"))
            return $"role is '{Excerpt.Of(role)}'; it must be system, developer, user or assistant";
        if (role != "assistant")
            return null;
        if (message.TryGetProperty("weight", out var weight) && !(weight.ValueKind == JsonValueKind.Number && weight.TryGetInt32(out int number) && number is 0 or 1))
            return "weight must be 0 or 1";
        isLearnt = weight.ValueKind == JsonValueKind.Undefined || weight.GetInt32() == 1;
        if (!isLearnt)
            return null;
        return index == 0 ? "an answer needs a question before it" : IsBlank(message, "content") ? "an answer is empty" : null;
    }

    private static string? Unknown(JsonElement json, params string[] known)
    {
        foreach (var property in json.EnumerateObject())
        {
            if (!known.Contains(property.Name))
                return $"'{Excerpt.Of(property.Name)}' is not supported";
        }
        return null;
    }

    private static string? NotText(JsonElement json, string name) =>
        !json.TryGetProperty(name, out var value) ? $"{name} is missing" : value.ValueKind == JsonValueKind.String ? null : $"{name} must be text";

    private static bool IsBlank(JsonElement json, string name) => string.IsNullOrWhiteSpace(json.GetProperty(name).GetString());
}
