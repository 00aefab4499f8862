using System.Text;

namespace LLaDA.Batch.EndToEnd.Tests.Terminals;

/// <summary>A character and its style, as parameters of <c>ESC [ … m</c>.</summary>
internal readonly record struct TerminalCell(char Character, string Style);

/// <summary>What a person sees of a program's output. A control sequence that it does not know is an error.</summary>
/// <param name="width">Columns.</param>
/// <param name="height">Rows; those above it have scrolled away and cannot be reached any more.</param>
internal sealed class EmulatedTerminal(int width, int height)
{
    private readonly List<List<TerminalCell>> _rows = [[]];
    private int _row, _column;
    private string _style = "", _pending = "";

    /// <summary>How often the terminal itself broke a row, because the program had written beyond its width.</summary>
    public int NumBroken { get; private set; }

    /// <summary>All rows, those that have scrolled away included.</summary>
    public IReadOnlyList<string> Rows => [.. _rows.Select(row => string.Concat(row.Select(cell => cell.Character)).TrimEnd())];

    public string Text => string.Join('\n', Rows);

    /// <summary>The rows on the screen.</summary>
    public IReadOnlyList<IReadOnlyList<TerminalCell>> Screen => [.. _rows.Skip(Top).Select(row => row.ToArray())];

    private int Top => Math.Max(0, _rows.Count - height);

    public void Write(string text)
    {
        text = _pending + text;
        int at = 0;
        while (at < text.Length)
        {
            int length = text[at] == '\e' ? EscapeLength(text.AsSpan(at)) : 1;
            if (length == 0)
                break;      // The rest of the sequence has not arrived.
            if (length > 1)
                Obey(text.Substring(at, length));
            else
                Put(text[at]);
            at += length;
        }
        _pending = text[at..];
    }

    /// <returns>0 for a sequence that is not complete.</returns>
    private static int EscapeLength(ReadOnlySpan<char> text)
    {
        if (text.Length < 2)
            return 0;
        if (text[1] != '[')
            return 2;
        int end = text[2..].IndexOfAnyInRange('@', '~');
        return end < 0 ? 0 : end + 3;
    }

    private void Obey(string sequence)
    {
        string parameters = sequence.Length > 2 ? sequence[2..^1] : "";
        switch (sequence[^1])
        {
            case 'A':
                _row = Math.Max(Top, _row - int.Parse(parameters));
                break;
            case 'J' when parameters.Length == 0:
                _rows.RemoveRange(_row + 1, _rows.Count - _row - 1);
                Erase();
                break;
            case 'K' when parameters.Length == 0:
                Erase();
                break;
            case 'm':
                _style = parameters.TrimStart('0').TrimStart(';');
                break;
            case 'h' or 'l' or '=' or '>':
                break;      // modes of the keyboard
            default:
                throw new InvalidDataException($"Unknown control sequence {sequence.Replace("\e", "ESC ", StringComparison.Ordinal)}");
        }
    }

    private void Erase()
    {
        var row = _rows[_row];
        row.RemoveRange(Math.Min(_column, row.Count), Math.Max(0, row.Count - _column));
    }

    private void Put(char character)
    {
        switch (character)
        {
            case '\r':
                _column = 0;
                break;
            case '\n':
                NextRow();
                break;
            case < ' ':
                throw new InvalidDataException($"Unknown control character {(int)character}");
            default:
                if (_column == width)
                {
                    NumBroken++;
                    NextRow();
                }
                var row = _rows[_row];
                while (row.Count <= _column)
                    row.Add(new TerminalCell(' ', ""));
                row[_column++] = new TerminalCell(character, _style);
                break;
        }
    }

    private void NextRow()
    {
        (_row, _column) = (_row + 1, 0);
        if (_row == _rows.Count)
            _rows.Add([]);
    }
}

/// <summary>A writer whose output is seen on an emulated terminal.</summary>
/// <param name="onWrite">Called after each write with what was written.</param>
internal sealed class TerminalWriter(EmulatedTerminal terminal, Action<string>? onWrite = null) : TextWriter
{
    public override Encoding Encoding => Encoding.UTF8;

    public override void Write(char value) => Write(value.ToString());

    public override void Write(string? value)
    {
        terminal.Write(value ?? "");
        onWrite?.Invoke(value ?? "");
    }

    public override void WriteLine(string? value) => Write(value + "\n");
}
