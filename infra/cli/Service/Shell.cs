using System.CommandLine;
using System.Text.Json;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Terminal;

namespace LLaDA.Batch.Cli.Service;

/// <summary>
/// Where a command writes: results go to the standard output, as tables on a terminal and as JSON Lines in a pipe, and everything else to
/// the error stream.
/// </summary>
internal sealed class Shell
{
    private const int ProgressWidth = 30;

    private readonly TextWriter _output, _error;
    private readonly Redrawn _redrawn;

    /// <param name="isJson">JSON Lines on a terminal too.</param>
    public Shell(ParseResult parse, bool isJson)
    {
        (_output, _error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
        IsTerminal = ReferenceEquals(_output, Console.Out) && !Console.IsOutputRedirected;
        var errors = ReferenceEquals(_error, Console.Error) ? Screen.OfErrors() : Screen.Of(_error);
        (IsErrorTerminal, _redrawn) = (errors.IsTerminal, new Redrawn(errors));
        IsJson = isJson || !IsTerminal;
    }

    public bool IsTerminal { get; }

    public bool IsErrorTerminal { get; }

    public bool IsJson { get; }

    /// <summary>The result itself, where it is a text.</summary>
    public TextWriter Output => _output;

    /// <summary>Entries: a table for people, a line of JSON each for programs.</summary>
    /// <param name="columns">In the order of their importance. A column without any value is left out.</param>
    public async Task RowsAsync<T>(IAsyncEnumerable<T> rows, int limit, params (string Heading, Func<T, object?> Cell)[] columns)
    {
        List<T> table = [];
        await foreach (var row in rows.Take(limit))
        {
            if (IsJson)
                Json(row);
            else
                table.Add(row);
        }
        if (!IsJson)
            People().Table(table, [.. columns.Where(column => table.Count == 0 || table.Exists(row => column.Cell(row) is not null))]);
    }

    /// <summary>A single result.</summary>
    /// <param name="sentence">For people.</param>
    public void Result<T>(T value, string sentence)
    {
        if (IsJson)
            Json(value);
        else
            _output.WriteLine(sentence);
    }

    /// <summary>A single result, one property a line for people.</summary>
    public void Properties<T>(T value)
    {
        if (IsJson)
            Json(value);
        else
            People().Properties(value);
    }

    public void Json<T>(T value) => _output.WriteLine(JsonSerializer.Serialize(value, WireJson.Options));

    /// <summary>A sentence beside the results.</summary>
    public void Say(string sentence)
    {
        Clear();
        _error.WriteLine(sentence);
    }

    /// <summary>A line that the next one replaces; on a terminal only.</summary>
    public void Progress(long done, long total, string text)
    {
        int filled = total == 0 ? 0 : (int)(done * ProgressWidth / total);
        Replace(new Stretch($"[{new string('=', filled)}{new string(' ', ProgressWidth - filled)}] {text}"));
    }

    /// <summary>A text that the next one replaces; on a terminal only.</summary>
    public void Replace(params IEnumerable<Stretch> text) => _redrawn.Show(text);

    /// <summary>Takes away what is being replaced.</summary>
    public void Clear() => _redrawn.Clear();

    private Report People() => new(_output, isJson: false, Screen.OfOutput().Width);
}
