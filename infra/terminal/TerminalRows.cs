using System.Globalization;
using System.Text;

namespace LLaDA.Batch.Terminal;

/// <summary>Breaks text into the rows of a terminal, at spaces where there are some.</summary>
internal static class TerminalRows
{
    private static readonly Rune s_space = new(' '), s_lineEnd = new('\n');

    private readonly record struct Cell(Rune Rune, string Style)
    {
        /// <summary>Columns that it takes.</summary>
        public int Width => Rune.GetUnicodeCategory(Rune) switch
        {
            UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format => 0,
            _ => IsWide(Rune.Value) ? 2 : 1,
        };
    }

    /// <param name="width">Columns, at least 1.</param>
    /// <param name="hasColors">False leaves the styles out.</param>
    /// <returns>Rows without line ends, at least one. Control characters of the text are shown as spaces.</returns>
    public static List<string> Of(IEnumerable<Stretch> text, int width, bool hasColors)
    {
        List<string> rows = [];
        List<Cell> row = [];
        int columns = 0;
        foreach (var cell in Cells(text))
        {
            if (cell.Rune == s_lineEnd)
            {
                rows.Add(Render(row, hasColors));
                (row, columns) = ([], 0);
                continue;
            }
            row.Add(cell);
            columns += cell.Width;
            if (columns <= width || row.Count == 1)
                continue;
            int space = row.FindLastIndex(other => other.Rune == s_space);
            rows.Add(Render(row[..(space > 0 ? space : ^1)], hasColors));
            row = row[(space > 0 ? space + 1 : ^1)..];
            columns = row.Sum(other => other.Width);
        }
        rows.Add(Render(row, hasColors));
        return rows;
    }

    private static IEnumerable<Cell> Cells(IEnumerable<Stretch> text)
    {
        foreach (var stretch in text)
        {
            foreach (var rune in stretch.Text.ReplaceLineEndings("\n").EnumerateRunes())
                yield return new Cell(Rune.IsControl(rune) && rune != s_lineEnd ? s_space : rune, stretch.Style);
        }
    }

    private static string Render(IReadOnlyList<Cell> row, bool hasColors)
    {
        var text = new StringBuilder();
        string style = "";
        foreach (var cell in row)
        {
            if (hasColors && cell.Style != style)
            {
                style = cell.Style;
                text.Append(style.Length == 0 ? "\e[0m" : $"\e[0;{style}m");
            }
            text.Append(cell.Rune.ToString());
        }
        return text.Append(style.Length == 0 ? "" : "\e[0m").ToString();
    }

    /// <summary>The blocks of East Asian characters and of pictures, which take two columns.</summary>
    private static bool IsWide(int code) => code is
        (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF)
        or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6)
        or (>= 0x1F300 and <= 0x1FAFF) or (>= 0x20000 and <= 0x3FFFD);
}
