namespace LLaDA.Batch.Terminal;

/// <summary>A piece of text in one style.</summary>
/// <param name="Style">Parameters of the control sequence that selects it, such as <see cref="Styles.Bold"/>; empty for plain text.</param>
internal readonly record struct Stretch(string Text, string Style = "");

/// <summary>Styles of text: parameters of <c>ESC [ … m</c>.</summary>
internal static class Styles
{
    public const string Bold = "1", Faint = "2", Mask = "33", Fill = "32", NewFill = "1;32";
}
