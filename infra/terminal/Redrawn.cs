namespace LLaDA.Batch.Terminal;

/// <summary>Text that the next one replaces. Shown on a terminal only.</summary>
internal sealed class Redrawn(Screen screen)
{
    private List<string> _rows = [];
    private int _numShown;

    /// <summary>Replaces what is shown. Of a text that is higher than the terminal, the part with the first change is shown.</summary>
    public void Show(params IEnumerable<Stretch> text)
    {
        if (!screen.IsTerminal)
            return;
        // The last column stays free: terminals differ in what they do behind it.
        var rows = TerminalRows.Of(text, Math.Max(1, screen.Width - 1), screen.HasColors);
        int numRows = Math.Min(rows.Count, Math.Max(1, screen.Height - 1));
        int numEqual = rows.Zip(_rows).TakeWhile(pair => pair.First == pair.Second).Count();
        int first = Math.Min(_rows.Count == 0 ? 0 : numEqual, rows.Count - numRows);
        screen.Output.Write(Back() + string.Join('\n', rows.GetRange(first, numRows)));
        (_rows, _numShown) = (rows, numRows);
    }

    /// <summary>Takes away what is shown.</summary>
    public void Clear()
    {
        screen.Output.Write(Back());
        (_rows, _numShown) = ([], 0);
    }

    /// <summary>Moves to where the shown rows begin, and erases them.</summary>
    private string Back() => _numShown switch
    {
        0 => "",
        1 => "\r\e[J",
        _ => $"\r\e[{_numShown - 1}A\e[J",
    };
}
