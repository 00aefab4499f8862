using System.Text.Json;

namespace LLaDA.Diffusion.Data.Examples;

/// <summary>
/// Reads a line of training data in OpenAI's formats: a dialogue <c>{"messages": [...]}</c>, a pair
/// <c>{"prompt": "...", "completion": "..."}</c>, plain <c>{"text": "..."}</c> for pretraining, a preference
/// <c>{"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}</c>, or a question with what
/// graders use of it <c>{"messages": [...], "reference": "..."}</c>.
/// </summary>
/// <remarks>
/// The control plane compiles these files too and checks each line before a worker sees it, so both report a fault in the same words.
/// A property that is null or an empty list counts as absent; any other unknown one is a fault.
/// </remarks>
internal static partial class ExampleReader
{
    /// <returns>A dialogue with n learnt answers is n pairs of history and answer; at least one.</returns>
    /// <exception cref="FormatException">The fault of the line, as a sentence.</exception>
    public static IReadOnlyList<TrainingExample> ReadSupervised(ReadOnlyMemory<byte> line) => ExampleJson.Read(line, root =>
    {
        bool isPair = ExampleJson.Find(root, "prompt") is not null || ExampleJson.Find(root, "completion") is not null;
        if (!isPair && root.TryGetProperty("messages", out var messages))
        {
            ExampleJson.RefuseOthers(root, "messages");
            return Pairs(Messages(messages));
        }
        ExampleJson.RefuseOthers(root, "prompt", "completion");
        if (!isPair)
            throw new FormatException("it has neither messages nor a prompt with a completion");
        string prompt = ExampleJson.Text(root, "prompt"), completion = ExampleJson.Text(root, "completion");
        return completion.Length > 0 ? [new TrainingExample(null, prompt, completion)] : throw new FormatException("completion is empty");
    });

    /// <param name="allowsOthers">Whether further properties are passed over, as in corpora that carry notes on each text.</param>
    /// <exception cref="FormatException">The fault of the line, as a sentence.</exception>
    public static string ReadText(ReadOnlyMemory<byte> line, bool allowsOthers = false) => ExampleJson.Read(line, root =>
    {
        if (!allowsOthers)
            ExampleJson.RefuseOthers(root, "text");
        string text = ExampleJson.Text(root, "text");
        return allowsOthers || !string.IsNullOrWhiteSpace(text) ? text : throw new FormatException("text is empty");
    });

    private static List<ExampleMessage> Messages(JsonElement array)
    {
        if (array.ValueKind != JsonValueKind.Array || array.GetArrayLength() == 0)
            throw new FormatException("messages must be a list of at least one message");
        List<ExampleMessage> messages = [];
        foreach (var (index, message) in array.EnumerateArray().Index())
        {
            try
            {
                messages.Add(Message(message, isFirst: index == 0));
            }
            catch (FormatException exception)
            {
                throw new FormatException($"message {index + 1}: {exception.Message}", exception);
            }
        }
        return messages;
    }

    private static ExampleMessage Message(JsonElement message, bool isFirst)
    {
        if (message.ValueKind != JsonValueKind.Object)
            throw new FormatException("it must be an object");
        ExampleJson.RefuseOthers(message, "role", "content", "weight", "name");
        string role = ExampleJson.Text(message, "role"), content = ExampleJson.Content(message);
        if (ExampleJson.Find(message, "name") is not null)
            ExampleJson.Text(message, "name");
        if (role is not ("system" or "developer" or "user" or "assistant"))
            throw new FormatException($"role is '{ExampleJson.Excerpt(role)}'; it must be system, developer, user or assistant");
        if (role != "assistant" || !ExampleJson.IsLearnt(message))
            return new ExampleMessage(role == "developer" ? "system" : role, content, IsLearnt: false);
        if (isFirst)
            throw new FormatException("an answer needs a question before it");
        return string.IsNullOrWhiteSpace(content)
            ? throw new FormatException("an answer is empty")
            : new ExampleMessage(role, content, IsLearnt: true);
    }

    private static List<TrainingExample> Pairs(List<ExampleMessage> messages)
    {
        List<TrainingExample> pairs = [.. messages.Index().Where(entry => entry.Item.IsLearnt)
            .Select(entry => new TrainingExample(messages[..entry.Index], "", entry.Item.Content))];
        return pairs.Count > 0 ? pairs : throw new FormatException("it has no message of an assistant to learn from");
    }
}
