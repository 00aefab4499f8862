using System.Text;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>OpenAI's <c>logprobs</c> of a completion. All lists are by token.</summary>
/// <param name="Tokens">Their texts; a token that is no whole character is written as OpenAI does, <c>bytes:\xe2\x82</c>.</param>
/// <param name="TopLogprobs">The most probable tokens in its place and the token itself, by their texts.</param>
/// <param name="TextOffset">Where it begins in the text, in Unicode characters.</param>
internal sealed record CompletionLogprobs(
    IReadOnlyList<string> Tokens,
    IReadOnlyList<double> TokenLogprobs,
    IReadOnlyList<IReadOnlyDictionary<string, double>> TopLogprobs,
    IReadOnlyList<int> TextOffset)
{
    /// <returns>Null where none were asked for.</returns>
    public static CompletionLogprobs? Of(LineLogprobs? logprobs) => logprobs is not { Content: var tokens } ? null : new CompletionLogprobs(
        [.. tokens.Select(token => Name(token.Token, token.Bytes))],
        [.. tokens.Select(token => token.Logprob)],
        [.. tokens.Select(Top)],
        [.. Offsets(tokens)]);

    private static Dictionary<string, double> Top(CommittedToken token)
    {
        Dictionary<string, double> top = [];
        foreach (var likely in token.TopLogprobs)
            top.TryAdd(Name(likely.Token, likely.Bytes), likely.Logprob);
        top.TryAdd(Name(token.Token, token.Bytes), token.Logprob);
        return top;
    }

    private static string Name(string text, IReadOnlyList<int>? bytes) =>
        bytes is null || bytes.SequenceEqual(Encoding.UTF8.GetBytes(text).Select(value => (int)value))
            ? text
            : "bytes:" + string.Concat(bytes.Select(value => $"\\x{value:x2}"));

    /// <summary>Bytes that form no character are not in the text, so they take no room in it.</summary>
    private static IEnumerable<int> Offsets(IReadOnlyList<CommittedToken> tokens)
    {
        byte[] text = [.. tokens.SelectMany(token => token.Bytes ?? []).Select(value => (byte)value)];
        int start = 0, read = 0, numCharacters = 0;
        foreach (var token in tokens)
        {
            while (read < start)
            {
                bool isCharacter = Rune.DecodeFromUtf8(text.AsSpan(read), out _, out int consumed) == System.Buffers.OperationStatus.Done;
                if (read + consumed > start)
                    break;
                (read, numCharacters) = (read + consumed, numCharacters + (isCharacter ? 1 : 0));
            }
            yield return numCharacters;
            start += token.Bytes?.Count ?? 0;
        }
    }
}
