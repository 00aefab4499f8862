namespace LLaDA.Batch.Terminal;

/// <summary>Where text is seen: a terminal, or a pipe or a file.</summary>
/// <param name="IsTerminal">Whether what was written can be replaced.</param>
/// <param name="HasColors">False where the user asked for none with <c>NO_COLOR</c>.</param>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
internal sealed record Screen(TextWriter Output, bool IsTerminal, bool HasColors, int Width, int Height)
{
    private const int UsualWidth = 80, UsualHeight = 24;

    /// <summary>The standard output of this process.</summary>
    public static Screen OfOutput() => Of(Console.Out, !Console.IsOutputRedirected);

    /// <summary>The error stream of this process.</summary>
    public static Screen OfErrors() => Of(Console.Error, !Console.IsErrorRedirected);

    /// <summary>Anything but a terminal.</summary>
    public static Screen Of(TextWriter output) => new(output, IsTerminal: false, HasColors: false, UsualWidth, UsualHeight);

    private static Screen Of(TextWriter output, bool isTerminal)
    {
        // A console of Windows shows control sequences only once it has been asked to, so nothing is replaced there.
        if (!isTerminal || OperatingSystem.IsWindows() || Environment.GetEnvironmentVariable("TERM") is "dumb")
            return Of(output);
        bool hasColors = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        return new(output, IsTerminal: true, hasColors, Known(Console.WindowWidth, UsualWidth), Known(Console.WindowHeight, UsualHeight));
    }

    /// <summary>Terminals that do not know their size report 0.</summary>
    private static int Known(int size, int usual) => size > 0 ? size : usual;
}
