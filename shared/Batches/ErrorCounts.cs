using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>How many lines have each error code. It is stored as its text, such as <c>batch_expired=3 no_gap=1</c>.</summary>
public readonly record struct ErrorCounts
{
    private const string Unknown = "unknown";

    /// <summary>In the order of the codes; null where there are none.</summary>
    private readonly string? _text;

    private ErrorCounts(IEnumerable<KeyValuePair<string, int>> counts)
    {
        var present = counts.Where(count => count.Value > 0).OrderBy(count => count.Key, StringComparer.Ordinal);
        string text = string.Join(' ', present.Select(count => string.Create(CultureInfo.InvariantCulture, $"{count.Key}={count.Value}")));
        _text = text.Length == 0 ? null : text;
    }

    public bool IsEmpty => _text is null;

    /// <param name="text">As stored; null where there are none.</param>
    public static ErrorCounts Parse(string? text) => new(Read(text));

    /// <summary>Some lines with one code.</summary>
    public static ErrorCounts Of(string code, int numLines) => new([KeyValuePair.Create(code, numLines)]);

    /// <summary>The codes of error lines; other lines are passed over.</summary>
    public static ErrorCounts Of(IEnumerable<PartLine> lines) =>
        new(lines.Where(line => line.IsError).CountBy(line => CodeOf(JsonElement.Parse(line.Json))));

    public static ErrorCounts operator +(ErrorCounts left, ErrorCounts right) => left.Add(right);

    public ErrorCounts Add(ErrorCounts other) =>
        IsEmpty ? other
        : other.IsEmpty ? this
        : new(Read(_text).Concat(Read(other._text)).AggregateBy(count => count.Key, 0, (sum, count) => sum + count.Value));

    /// <summary>Lines by code.</summary>
    public IReadOnlyDictionary<string, int> ToDictionary() => Read(_text).ToImmutableSortedDictionary(StringComparer.Ordinal);

    /// <summary>The form that is stored; empty where there are none.</summary>
    public override string ToString() => _text ?? "";

    /// <summary>The code of an error line: its own, or that of the answer which refused it.</summary>
    /// <param name="line">A line of an error file.</param>
    public static string CodeOf(JsonElement line)
    {
        var error = line.Find("error") ?? line.Find("response")?.Find("body")?.Find("error");
        string code = error?.FindText("code") ?? error?.FindText("type") ?? Unknown;
        return code.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-' or '.') ? code : Unknown;
    }

    private static IEnumerable<KeyValuePair<string, int>> Read(string? text) =>
        (text ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(entry => entry.Split('='))
            .Select(entry => KeyValuePair.Create(entry[0], int.Parse(entry[1], CultureInfo.InvariantCulture)));
}
