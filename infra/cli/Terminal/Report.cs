using System.Globalization;
using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Cli.Terminal;

/// <summary>Writes the result of a command: a table or a sentence for people, JSON for programs.</summary>
/// <param name="width">Columns of the terminal; null where lines may have any length.</param>
internal sealed class Report(TextWriter output, bool isJson, int? width = null)
{
    /// <summary>A column of a table with less room is left out.</summary>
    private const int NarrowestColumn = 6;

    private const string Gap = "  ";

    private static readonly JsonSerializerOptions s_json = new(WireJson.Options) { WriteIndented = true };

    /// <param name="rows">Serialized whole as JSON.</param>
    /// <param name="columns">In the order of their importance: on a narrow terminal the last ones are shortened or left out.</param>
    public void Table<T>(IReadOnlyList<T> rows, params (string Heading, Func<T, object?> Cell)[] columns)
    {
        if (isJson)
        {
            Json(rows);
            return;
        }
        List<string[]> lines = [[.. columns.Select(column => column.Heading)]];
        foreach (var row in rows)
            lines.Add([.. columns.Select(column => Text(column.Cell(row)))]);
        int[] widths = Fitting([.. columns.Select((_, index) => lines.Max(line => line[index].Length))]);
        foreach (string[] line in lines)
            output.WriteLine(string.Join(Gap, line.Zip(widths, Padded).Where(cell => cell.Length > 0)).TrimEnd());
    }

    private int[] Fitting(int[] widths)
    {
        for (int last = widths.Length - 1; last > 0 && width is { } most; last--)
        {
            int excess = widths.Where(column => column > 0).Sum(column => column + Gap.Length) - Gap.Length - most;
            if (excess <= 0)
                break;
            widths[last] = widths[last] - excess >= NarrowestColumn ? widths[last] - excess : 0;
        }
        return widths;
    }

    private static string Padded(string cell, int width) => cell.Length > width && width > 0 ? $"{cell[..(width - 1)]}…"
        : width == 0 ? ""
        : cell.PadRight(width);

    /// <summary>A line of progress, for people only.</summary>
    public void Progress(string line)
    {
        if (!isJson)
            output.WriteLine(line);
    }

    /// <param name="value">For programs.</param>
    /// <param name="sentence">For people.</param>
    public void Result<T>(T value, string sentence)
    {
        if (isJson)
            Json(value);
        else
            output.WriteLine(sentence);
    }

    /// <summary>The properties of a value that are not null, one per line.</summary>
    public void Properties<T>(T value)
    {
        if (isJson)
        {
            Json(value);
            return;
        }
        foreach (var (name, property) in JsonSerializer.SerializeToNode(value, s_json)!.AsObject())
        {
            if (property is null)
                continue;
            bool isText = property.GetValueKind() == JsonValueKind.String;
            output.WriteLine($"{name,-20} {(isText ? property.GetValue<string>() : property.ToJsonString(WireJson.Options))}");
        }
    }

    private void Json<T>(T value) => output.WriteLine(JsonSerializer.Serialize(value, s_json));

    private static string Text(object? cell) => cell switch
    {
        null => "-",
        DateTimeOffset time => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
        TimeSpan age => Short(age),
        double number => number.ToString("N0", CultureInfo.InvariantCulture),
        IFormattable value => value.ToString(format: null, CultureInfo.InvariantCulture),
        _ => cell.ToString() is { Length: > 0 } text ? text.ReplaceLineEndings(" ") : "-",
    };

    /// <summary>In the largest unit of which there are two, or else in seconds.</summary>
    private static string Short(TimeSpan age) => age switch
    {
        { TotalDays: >= 2 } => $"{age.TotalDays:F0}d",
        { TotalHours: >= 2 } => $"{age.TotalHours:F0}h",
        { TotalMinutes: >= 2 } => $"{age.TotalMinutes:F0}m",
        _ => $"{age.TotalSeconds:F0}s",
    };
}
