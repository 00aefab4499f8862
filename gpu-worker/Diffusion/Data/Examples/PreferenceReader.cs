using System.Text.Json;

namespace LLaDA.Diffusion.Data.Examples;

/// <summary>A question with a preferred and another answer.</summary>
internal static partial class ExampleReader
{
    private const string Input = "input", Preferred = "preferred_output", NonPreferred = "non_preferred_output";

    /// <exception cref="FormatException">The fault of the line, as a sentence.</exception>
    public static PreferenceExample ReadPreference(ReadOnlyMemory<byte> line) => ExampleJson.Read(line, root =>
    {
        ExampleJson.RefuseOthers(root, Input, Preferred, NonPreferred);
        var history = Named(Input, () => Question(root));
        string chosen = Named(Preferred, () => Answer(root, Preferred)), rejected = Named(NonPreferred, () => Answer(root, NonPreferred));
        return chosen.Trim() != rejected.Trim()
            ? new PreferenceExample(history, chosen, rejected)
            : throw new FormatException($"{Preferred} and {NonPreferred} are the same");
    });

    private static List<ExampleMessage> Question(JsonElement root)
    {
        if (!root.TryGetProperty(Input, out var input) || input.ValueKind == JsonValueKind.Null)
            throw new FormatException("it is missing");
        if (input.ValueKind != JsonValueKind.Object)
            throw new FormatException("it must be an object with messages");
        ExampleJson.RefuseOthers(input, "messages", "parallel_tool_calls");     // OpenAI's own examples say that, without a tool
        if (!input.TryGetProperty("messages", out var messages))
            throw new FormatException("messages is missing");
        return Asked(Messages(messages));
    }

    /// <returns>The dialogue, which ends with a question.</returns>
    private static List<ExampleMessage> Asked(List<ExampleMessage> history) => history[^1].Role == "user"
        ? history
        : throw new FormatException($"the last message is of role {history[^1].Role}; it must be a question of the user");

    private static string Answer(JsonElement root, string name)
    {
        if (!root.TryGetProperty(name, out var list) || list.ValueKind == JsonValueKind.Null)
            throw new FormatException("it is missing");
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() != 1 || list[0].ValueKind != JsonValueKind.Object)
            throw new FormatException("it must be a list of one message");
        ExampleJson.RefuseOthers(list[0], "role", "content");
        string role = ExampleJson.Text(list[0], "role"), content = ExampleJson.Content(list[0]);
        if (role != "assistant")
            throw new FormatException($"role is '{ExampleJson.Excerpt(role)}'; it must be assistant");
        return string.IsNullOrWhiteSpace(content) ? throw new FormatException("the answer is empty") : content;
    }

    private static T Named<T>(string name, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (FormatException exception)
        {
            throw new FormatException($"{name}: {exception.Message}", exception);
        }
    }
}
