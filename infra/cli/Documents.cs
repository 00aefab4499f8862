using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Cli;

/// <summary>Training text: JSON Lines, one document a line as {"text": "..."}.</summary>
internal static class Documents
{
    public static IEnumerable<string> Read(string path)
    {
        foreach (var (index, line) in File.ReadLines(path).Index())
        {
            string? text = null;
            try
            {
                text = JsonNode.Parse(line)?["text"]?.GetValue<string>();
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
            {
                // Told below, with the line's number.
            }
            yield return text ?? throw new InvalidDataException($"{path}, line {index + 1}: expected {{\"text\": \"...\"}}");
        }
    }

    public static void Write(string path, IEnumerable<string> documents) =>
        File.WriteAllLines(path, documents.Select(text => new JsonObject { ["text"] = text }.ToJsonString(s_json)));

    private static readonly JsonSerializerOptions s_json = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
