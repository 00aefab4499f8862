using System.Globalization;
using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Cli.Terminal;

/// <summary>Writes the result of a command: a table or a sentence for people, JSON for programs.</summary>
internal sealed class Report(TextWriter output, bool isJson)
{
    private static readonly JsonSerializerOptions s_json = new(WireJson.Options) { WriteIndented = true };

    /// <param name="rows">Serialized whole as JSON.</param>
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
        int[] widths = [.. columns.Select((_, index) => lines.Max(line => line[index].Length))];
        foreach (string[] line in lines)
            output.WriteLine(string.Join("  ", line.Select((cell, index) => cell.PadRight(widths[index]))).TrimEnd());
    }

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
        TimeSpan age => age.ToString(age.TotalDays >= 1 ? @"d\d\ hh\h" : @"hh\h\ mm\m\ ss\s", CultureInfo.InvariantCulture),
        double number => number.ToString("N0", CultureInfo.InvariantCulture),
        IFormattable value => value.ToString(format: null, CultureInfo.InvariantCulture),
        _ => cell.ToString() is { Length: > 0 } text ? text : "-",
    };
}
