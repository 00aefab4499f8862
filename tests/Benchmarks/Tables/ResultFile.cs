using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Benchmarks.Tables;

/// <summary>Results of a benchmark as JSON, one row a line so that a difference can be read.</summary>
internal static class ResultFile
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <param name="results">A list of rows, or an object of such lists; an empty or absent list is left out.</param>
    public static void Write<T>(string path, T results) =>
        WholeFile.Write(path, Text(JsonSerializer.SerializeToNode(results, s_json)!, depth: 0) + "\n");

    /// <param name="part">The list within the file; null where the file is a list.</param>
    public static IReadOnlyList<JsonObject> Read(string path, string? part = null)
    {
        var file = JsonNode.Parse(File.ReadAllText(path))!;
        return [.. (part is null ? file : file[part]!).AsArray().Cast<JsonObject>()];
    }

    private static string Text(JsonNode node, int depth)
    {
        var lines = node switch
        {
            JsonArray rows => rows.Select(row => row!.ToJsonString(s_json)),
            JsonObject parts => parts.Where(part => part.Value is JsonArray { Count: > 0 })
                .Select(part => $"\"{part.Key}\": {Text(part.Value!, depth + 1)}"),
            _ => throw new ArgumentException("Results are lists of rows", nameof(node)),
        };
        string indent = new(' ', 2 * depth);
        var (open, close) = node is JsonArray ? ('[', ']') : ('{', '}');
        return $"{open}\n{string.Join(",\n", lines.Select(line => $"{indent}  {line}"))}\n{indent}{close}";
    }
}
