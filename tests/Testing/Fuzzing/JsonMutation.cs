using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Testing.Fuzzing;

/// <summary>Changes one place of a JSON text, so that most inputs pass the grammar and reach what lies behind it.</summary>
internal static class JsonMutation
{
    private const int MaxNodes = 2_000, MaxCopies = 300, MaxLevels = 80, MaxLength = 20_000;

    private static readonly string[] s_values =
    [
        "null", "true", "false", "0", "-1", "1", "2", "0.5", "4.0", "1e308", "-1e-400", "2147483647", "2147483648", "-2147483648",
        "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e999", "123456789012345678901234567890",
        "\"\"", "\"\\u0000\"",
        "\"\\ud83d\\ude42\"", "\"../../etc/passwd\"", "[]", "{}", "[[]]", "[null]", "{\"\":null}",
    ];

    public static string Apply(JsonNode root, IReadOnlyList<string> words, Random random)
    {
        var nodes = Nodes(root).Take(MaxNodes).ToList();
        var node = nodes[random.Next(nodes.Count)];
        switch (random.Next(9))
        {
            case 0 when node is JsonObject { Count: > 0 } parent:
                parent.RemoveAt(random.Next(parent.Count));
                break;
            case 1 when node is JsonObject { Count: > 0 } parent:
                var (name, value) = parent.GetAt(random.Next(parent.Count));
                parent.Remove(name);
                parent[Text(words, random, name)] = value;
                break;
            case 2 when node is JsonArray { Count: > 0 } list:
                var repeated = list[random.Next(list.Count)];
                for (int copies = random.Next(MaxCopies); copies > 0; copies--)
                    list.Add(repeated?.DeepClone());
                break;
            case 3 when node is JsonArray { Count: > 0 } list:
                list.RemoveAt(random.Next(list.Count));
                break;
            case 4:
                return Replaced(root, node, nodes[random.Next(nodes.Count)].DeepClone());
            case 5:
                JsonNode nested = node.DeepClone();
                for (int level = random.Next(MaxLevels); level > 0; level--)
                    nested = random.Next(2) == 0 ? new JsonArray(nested) : new JsonObject { ["a"] = nested };
                return Replaced(root, node, nested);
            case 6 when node is JsonValue text && text.GetValueKind() == JsonValueKind.String:
                return Replaced(root, node, JsonValue.Create(Text(words, random, text.GetValue<string>())));
            case 7 when node is JsonValue number && number.GetValueKind() == JsonValueKind.Number && number.TryGetValue(out double size):
                return Replaced(root, node, JsonValue.Create(size + random.Next(-2, 3)));
            default:
                return Replaced(root, node, JsonNode.Parse(s_values[random.Next(s_values.Length)]));
        }
        return root.ToJsonString();
    }

    private static string Replaced(JsonNode root, JsonNode node, JsonNode? other)
    {
        if (node == root)
            return other?.ToJsonString() ?? "null";
        node.ReplaceWith(other);
        return root.ToJsonString();
    }

    private static string Text(IReadOnlyList<string> words, Random random, string text) => random.Next(6) switch
    {
        0 when words.Count > 0 => words[random.Next(words.Count)],
        1 when words.Count > 0 => text.Insert(random.Next(text.Length + 1), words[random.Next(words.Count)]),
        2 => new string(text.Length > 0 ? text[0] : 'a', random.Next(MaxLength)),
        3 => text + text,
        4 => text[..random.Next(text.Length + 1)],
        _ => text.Insert(random.Next(text.Length + 1), ((char)random.Next(1, 0xD800)).ToString()),
    };

    private static IEnumerable<JsonNode> Nodes(JsonNode node)
    {
        yield return node;
        var children = node switch
        {
            JsonObject parent => parent.Select(property => property.Value),
            JsonArray list => list,
            _ => [],
        };
        foreach (var child in children.OfType<JsonNode>().SelectMany(Nodes))
            yield return child;
    }
}
