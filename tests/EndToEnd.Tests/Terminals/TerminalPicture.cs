using System.Globalization;
using System.Security;
using System.Text;

namespace LLaDA.Batch.EndToEnd.Tests.Terminals;

/// <summary>Makes an animated SVG of what a program wrote on a terminal.</summary>
internal static class TerminalPicture
{
    private const double CellWidth = 8.4, RowHeight = 18, Margin = 12;

    /// <summary>Nothing is shown for longer, and the last picture for this long.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(1), s_last = TimeSpan.FromSeconds(6);

    /// <summary>What is written within it is seen at once.</summary>
    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(40);

    /// <summary>Where the pictures of the documents go; without it they are not kept.</summary>
    private static readonly string? s_folder = Environment.GetEnvironmentVariable("LLADA_PICTURES");

    private sealed record Frame(TimeSpan At, IReadOnlyList<IReadOnlyList<TerminalCell>> Rows);

    /// <param name="command">Stands behind the prompt in the first row.</param>
    /// <param name="written">Texts with the time since the start, in their order.</param>
    public static void Keep(string name, string command, IReadOnlyList<(TimeSpan At, string Text)> written)
    {
        if (s_folder is not null)
            File.WriteAllText(Path.Combine(s_folder, name + ".svg"), Svg(Frames(command, written)));
    }

    private static List<Frame> Frames(string command, IReadOnlyList<(TimeSpan At, string Text)> written)
    {
        var terminal = new EmulatedTerminal(PseudoTerminal.Width, PseudoTerminal.Height);
        terminal.Write($"\e[1m$ {command}\e[0m\r\n");
        List<Frame> frames = [new(TimeSpan.Zero, terminal.Screen)];
        TimeSpan shown = TimeSpan.Zero, last = TimeSpan.Zero;
        foreach (var (index, (at, text)) in written.Index())
        {
            terminal.Write(text);
            if (index + 1 < written.Count && written[index + 1].At - at < s_shortest)
                continue;
            shown += TimeSpan.FromTicks(Math.Min((at - last).Ticks, s_longest.Ticks));
            last = at;
            frames.Add(new(shown, terminal.Screen));
        }
        return frames;
    }

    /// <summary>The frames stand side by side, and an animation moves them past a window of the width of one.</summary>
    private static string Svg(List<Frame> frames)
    {
        double width = (PseudoTerminal.Width * CellWidth) + (2 * Margin), height = (PseudoTerminal.Height * RowHeight) + (2 * Margin);
        double seconds = (frames[^1].At + s_last).TotalSeconds;
        Dictionary<string, int> rows = [];
        var places = new StringBuilder();
        var times = new StringBuilder();
        foreach (var (index, frame) in frames.Index())
        {
            times.Append(Invariant($"{100 * frame.At.TotalSeconds / seconds:F2}%{{transform:translateX({-index * width:F1}px)}}"));
            foreach (var (number, row) in frame.Rows.Index())
            {
                string text = Row(row);
                if (text.Length == 0)
                    continue;
                if (!rows.TryGetValue(text, out int id))
                    rows[text] = id = rows.Count;
                double x = (index * width) + Margin, y = Margin + ((number + 0.75) * RowHeight);
                places.Append(Invariant($"""<use href="#r{id}" x="{x:F1}" y="{y:F1}"/>"""));
            }
        }
        string definitions = string.Concat(rows.Select(row => $"""<g id="r{row.Value}">{row.Key}</g>"""));
        return Invariant($$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{width:F0}} {{height:F0}}" width="{{width:F0}}" height="{{height:F0}}">
            <style>
            text{font:14px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d7dae0;white-space:pre}
            .bold{font-weight:bold}.faint{fill:#8b93a1}.mask{fill:#e5c07b}.fill{fill:#98c379}.new{fill:#98c379;font-weight:bold}
            #frames{animation:play {{seconds:F2}}s step-end infinite}
            @keyframes play{ {{times}} }
            </style>
            <rect width="100%" height="100%" rx="8" fill="#1e2127"/>
            <defs>{{definitions}}</defs>
            <g id="frames">{{places}}</g>
            </svg>

            """);
    }

    /// <summary>A row as texts, each with one style and at the column where it begins.</summary>
    private static string Row(IReadOnlyList<TerminalCell> cells)
    {
        var row = new StringBuilder();
        for (int start = 0, end; start < cells.Count; start = end)
        {
            end = start + 1;
            while (end < cells.Count && cells[end].Style == cells[start].Style)
                end++;
            string text = string.Concat(cells.Skip(start).Take(end - start).Select(cell => cell.Character));
            if (string.IsNullOrWhiteSpace(text))
                continue;
            string style = ClassOf(cells[start].Style) is { } name ? $" class=\"{name}\"" : "";
            string escaped = SecurityElement.Escape(text);
            double x = start * CellWidth, length = text.Length * CellWidth;
            row.Append(Invariant($"""<text x="{x:F1}" textLength="{length:F1}" xml:space="preserve"{style}>{escaped}</text>"""));
        }
        return row.ToString();
    }

    private static string? ClassOf(string style) => style switch
    {
        "1" => "bold", "2" => "faint", "33" => "mask", "32" => "fill", "1;32" => "new", _ => null,
    };

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
