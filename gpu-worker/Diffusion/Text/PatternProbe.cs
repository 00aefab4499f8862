using System.Text.RegularExpressions;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// Tries a pattern on short texts that make one backtrack whose time doubles with each character, such as <c>(a+)+b</c> on
/// <c>aaa...</c>: a model's file must not be able to stop the process that reads it.
/// </summary>
internal static class PatternProbe
{
    private const int Length = 64, MaxSigns = 24;

    /// <summary>A pattern of a real tokenizer needs microseconds.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(2);

    /// <exception cref="FormatException">The pattern takes too long.</exception>
    public static void RequireQuick(string pattern)
    {
        var probe = new Regex(pattern, RegexOptions.CultureInvariant, s_limit);
        string signs = new([.. "a1 -\n".Concat(pattern.Where(char.IsAsciiLetterOrDigit)).Distinct().Take(MaxSigns)]);
        try
        {
            // The engine gives up early where a sign that the pattern needs is missing, so all of them come at the end.
            foreach (char sign in signs)
                _ = probe.Count($"{new string(sign, Length)}\u0001{signs}");
        }
        catch (RegexMatchTimeoutException exception)
        {
            throw new FormatException(
                $"its pattern {pattern} takes longer than {s_limit.TotalSeconds:F0} seconds for {Length} characters: "
                + "it backtracks without end", exception);
        }
    }
}
