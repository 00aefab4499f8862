using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Benchmarks.Tables;

/// <summary>Results of a benchmark as JSON, one row a line so that changes can be read.</summary>
internal static class ResultFile
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="results">A list of rows, or an object of such lists.</param>
    public static void Write<T>(string path, T results) => WholeFile.Write(path, Text(JsonSerializer.SerializeToNode(results, s_json)!, depth: 0) + "\n");

    /// <param name="part">The list within the file; null where the file is a list.</param>
    public static JsonArray Read(string path, string? part)
    {
        var file = JsonNode.Parse(File.ReadAllText(path))!;
        return (part is null ? file : file[part]!).AsArray();
    }

    private static string Text(JsonNode node, int depth)
    {
        var children = node switch
        {
            JsonArray rows when rows.All(row => row is JsonObject) => rows.Select(row => row!.ToJsonString(s_json)),
            JsonObject parts when depth == 0 => parts.Where(part => part.Value is not null).Select(part => $"\"{part.Key}\": {Text(part.Value!, depth + 1)}"),
            _ => null,
        };
        string indent = new(' ', 2 * depth);
        var (open, close) = node is JsonArray ? ('[', ']') : ('{', '}');
        return children is null ? node.ToJsonString(s_json) : $"{open}\n{string.Join(",\n", children.Select(child => $"{indent}  {child}"))}\n{indent}{close}";
    }
}
