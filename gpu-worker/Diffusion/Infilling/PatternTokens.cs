using System.Collections.Concurrent;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Infilling;

/// <summary>
/// The tokens that a pattern forbids, by their place in a gap; computed once for a tokenizer, when they are first needed.
/// </summary>
/// <remarks>Safe for use by several threads, the tensors of its sets aside.</remarks>
public sealed class PatternTokens(LLaDATokenizer tokenizer, LLaDAConfig config) : IDisposable
{
    private readonly ConcurrentDictionary<(GapPattern Pattern, PatternPlace Place), Lazy<TokenSet>> _forbidden = new();

    private int NumTokens => Math.Min(tokenizer.NumTokens, config.VocabularySize);

    /// <summary>The tokens that may not stand in a gap, by place.</summary>
    /// <param name="length">Of the gap, at least 1.</param>
    /// <param name="ownsSpace">Whether the space before the gap belongs to it.</param>
    /// <exception cref="InfillException">No token can stand at one of the places.</exception>
    internal TokenSet[] Forbidden(GapPattern pattern, int length, bool ownsSpace)
    {
        var first = !ownsSpace ? PatternPlace.Start : length == 1 ? PatternPlace.OnlyWithSpace : PatternPlace.FirstWithSpace;
        return [.. Enumerable.Range(0, length).Select(index => ForbiddenAt(pattern, index switch
        {
            0 => first,
            1 when ownsSpace => PatternPlace.Start,
            _ => PatternPlace.Inner,
        }))];
    }

    public void Dispose()
    {
        foreach (var tokens in _forbidden.Values.Where(tokens => tokens.IsValueCreated))
            tokens.Value.Dispose();
    }

    private TokenSet ForbiddenAt(GapPattern pattern, PatternPlace place) =>
        _forbidden.GetOrAdd((pattern, place), key => new Lazy<TokenSet>(() => Find(key.Pattern, key.Place))).Value;

    private TokenSet Find(GapPattern pattern, PatternPlace place)
    {
        int[] forbidden = [.. Enumerable.Range(0, NumTokens)
            .Where(token => !PatternText.Permits(pattern, place, tokenizer.DecodeBytes([token])))];
        // Special tokens have no text, so only a sentence permits them, where other options forbid them.
        if (forbidden.Length == NumTokens)
        {
            throw new InfillException(
                "invalid_value",
                $"pattern {pattern.ToString().ToLowerInvariant()} cannot be kept: the model's tokenizer has no token for it",
                "pattern");
        }
        return new TokenSet(forbidden);
    }
}
