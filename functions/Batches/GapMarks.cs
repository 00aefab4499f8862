using System.Text.RegularExpressions;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Finds the gaps of a text without a tokenizer: <c>[MASK]</c> and <c>[MASK:n]</c>, unless an odd run of backslashes stands before the
/// bracket. The library's <c>GapText</c> has the same grammar.
/// </summary>
internal static partial class GapMarks
{
    public static bool AnyIn(string text) => Pattern().IsMatch(text);

    /// <returns>The length of each gap in tokens; null for a gap of unknown length.</returns>
    public static IEnumerable<long?> LengthsIn(string text) => Pattern().Matches(text).Select(gap => LengthOf(gap.Groups["length"]));

    private static long? LengthOf(Group digits) =>
        !digits.Success ? null : int.TryParse(digits.ValueSpan, out int length) ? length : int.MaxValue;

    [GeneratedRegex(@"(?<!\\)(\\\\)*\[MASK(:(?<length>[0-9]+))?\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Pattern();
}
