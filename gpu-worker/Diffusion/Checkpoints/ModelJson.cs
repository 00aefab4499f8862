using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>The JSON files of a checkpoint folder.</summary>
internal static class ModelJson
{
    /// <exception cref="CheckpointException">The file is missing, or is not a JSON object.</exception>
    public static JsonObject Read(string path)
    {
        try
        {
            string text = File.ReadAllText(path);
            if (ForeignFile.Describe(text) is { } foreign)
                throw new CheckpointException(path, foreign);
            var options = new JsonDocumentOptions { AllowDuplicateProperties = false };
            var json = JsonNode.Parse(PythonJson.ToStrict(text), documentOptions: options) as JsonObject
                ?? throw new JsonException("not an object");
            RequireText(json);
            return json;
        }
        catch (IOException exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CheckpointException(path, "is missing");
        }
        catch (JsonException exception)
        {
            throw new CheckpointException(path, $"is not a JSON object: {exception.Message}");
        }
    }

    /// <summary>JSON's grammar allows half of a surrogate pair in a string, which cannot be read as text.</summary>
    private static void RequireText(JsonObject json)
    {
        try
        {
            _ = json.ToJsonString();
        }
        catch (InvalidOperationException exception)
        {
            throw new JsonException("a string has half of a surrogate pair", exception);
        }
    }

    /// <returns>Null where there is no such file.</returns>
    public static JsonObject? ReadIfThere(string path) => File.Exists(path) ? Read(path) : null;

    public static void Write(string path, JsonObject json) =>
        File.WriteAllText(path, json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
}
