using System.Text;
using System.Text.Json;

namespace LLaDA.Batch.Shared.Grading;

/// <summary>
/// A text with places such as <c>{{ sample.output_text }}</c>, the answer, and <c>{{ item.reference }}</c>, a value of the line that was
/// answered. A string stands as it is, any other value as its JSON. What is put in is not read again.
/// </summary>
public sealed class GradeTemplate
{
    private const string Open = "{{", Close = "}}", Output = "sample.output_text", ItemPrefix = "item.";

    private readonly string[] _pieces;
    private readonly string[] _places;

    private GradeTemplate(string[] pieces, string[] places) => (_pieces, _places) = (pieces, places);

    /// <summary>Whether it looks at the answer.</summary>
    public bool UsesOutput => _places.Contains(Output);

    /// <exception cref="FormatException">A place is not closed, or names neither the answer nor a value of the line.</exception>
    public static GradeTemplate Parse(string text)
    {
        List<string> pieces = [], places = [];
        int start = 0;
        for (int open; (open = text.IndexOf(Open, start, StringComparison.Ordinal)) >= 0;)
        {
            int close = text.IndexOf(Close, open, StringComparison.Ordinal);
            if (close < 0)
                throw new FormatException($"has {Open} without {Close}");
            string place = text[(open + Open.Length)..close].Trim();
            if (place != Output && !IsItem(place))
                throw new FormatException($"names '{Wire.Excerpt.Of(place)}'; places are {Output}, and {ItemPrefix} with a name");
            pieces.Add(text[start..open]);
            places.Add(place);
            start = close + Close.Length;
        }
        return new GradeTemplate([.. pieces, text[start..]], [.. places]);
    }

    /// <returns>The first place that a line has no value for; null where it has all.</returns>
    public string? Missing(JsonElement item) => Array.Find(_places, place => place != Output && Find(item, place) is null);

    /// <exception cref="FormatException">The line lacks a value.</exception>
    public string Fill(GradedAnswer answer)
    {
        var text = new StringBuilder(_pieces[0]);
        foreach (var (place, piece) in _places.Zip(_pieces.Skip(1)))
            text.Append(place == Output ? answer.OutputText : TextOf(answer.Item, place)).Append(piece);
        return text.ToString();
    }

    private static bool IsItem(string place) => place.StartsWith(ItemPrefix, StringComparison.Ordinal)
        && place[ItemPrefix.Length..].Split('.').All(name => name.Length > 0 && !name.Contains(' ', StringComparison.Ordinal));

    private static string TextOf(JsonElement item, string place) => Find(item, place) switch
    {
        null => throw new FormatException($"{place} is missing"),
        { ValueKind: JsonValueKind.String } value => value.GetString()!,
        { } value => value.GetRawText(),
    };

    private static JsonElement? Find(JsonElement item, string place)
    {
        foreach (string name in place[ItemPrefix.Length..].Split('.'))
        {
            if (item.ValueKind != JsonValueKind.Object || !item.TryGetProperty(name, out item))
                return null;
        }
        return item.ValueKind == JsonValueKind.Null ? null : item;
    }
}
