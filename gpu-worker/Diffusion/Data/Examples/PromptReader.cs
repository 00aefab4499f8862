using System.Text.Json;

namespace LLaDA.Diffusion.Data.Examples;

/// <summary>A question that a model is to answer itself.</summary>
internal static partial class ExampleReader
{
    /// <summary>
    /// Reads <c>{"messages": [...]}</c> that ends with a question, or <c>{"prompt": "..."}</c>; what else the line has is for graders.
    /// </summary>
    /// <exception cref="FormatException">The fault of the line, as a sentence.</exception>
    public static PromptExample ReadPrompt(ReadOnlyMemory<byte> line) => ExampleJson.Read(line, root =>
    {
        bool isText = ExampleJson.Find(root, "prompt") is not null;
        if (root.TryGetProperty("messages", out var messages) && messages.ValueKind != JsonValueKind.Null)
        {
            return isText
                ? throw new FormatException("it has both messages and a prompt")
                : new PromptExample(Asked(Messages(messages)), "");
        }
        if (!isText)
            throw new FormatException("it has neither messages nor a prompt");
        string prompt = ExampleJson.Text(root, "prompt");
        return prompt.Length > 0 ? new PromptExample(null, prompt) : throw new FormatException("prompt is empty");
    });
}
