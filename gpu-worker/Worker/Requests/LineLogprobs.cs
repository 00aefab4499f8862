using System.Text;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>
/// OpenAI's <c>logprobs</c> of a chat answer: what the model gave each token in the step that committed it, which is no factor of a
/// probability of the whole text, since tokens are committed in any order.
/// </summary>
/// <param name="Content">By token of the text.</param>
internal sealed record LineLogprobs(IReadOnlyList<CommittedToken> Content)
{
    /// <summary>Always null: a model of this service has no other way to answer.</summary>
    public object? Refusal { get; init; }

    /// <param name="values">By token; null where none were asked for.</param>
    public static LineLogprobs? Of(IReadOnlyList<int> tokens, IReadOnlyList<TokenLogProbabilities?>? values, LLaDATokenizer tokenizer) =>
        values is null ? null : new LineLogprobs([.. tokens.Zip(values, (token, value) => CommittedToken.Of(token, value!, tokenizer))]);
}

/// <param name="Token">Its text; it may be a part of a character, which only its neighbours complete.</param>
/// <param name="Logprob">Natural logarithm of its probability.</param>
/// <param name="Bytes">Of its text in UTF-8; null for a special token, which stands for no text.</param>
internal sealed record LikelyToken(string Token, double Logprob, IReadOnlyList<int>? Bytes)
{
    private const int Digits = 6;

    /// <summary>What OpenAI gives a token that is all but impossible; JSON has no infinity.</summary>
    private const double Impossible = -9999;

    public static LikelyToken Of(int token, double logProbability, LLaDATokenizer tokenizer)
    {
        double rounded = Math.Max(Impossible, Math.Round(logProbability, Digits));
        if (tokenizer.NameOfSpecial(token) is { } name)
            return new LikelyToken(name, rounded, null);
        byte[] bytes = tokenizer.DecodeBytes([token]);
        return new LikelyToken(Encoding.UTF8.GetString(bytes), rounded, [.. bytes.Select(value => (int)value)]);
    }
}

/// <param name="Token">As for <see cref="LikelyToken"/>, like the next two.</param>
/// <param name="TopLogprobs">The most probable tokens in its place, best first.</param>
internal sealed record CommittedToken(
    string Token, double Logprob, IReadOnlyList<int>? Bytes, IReadOnlyList<LikelyToken> TopLogprobs)
{
    public static CommittedToken Of(int token, TokenLogProbabilities values, LLaDATokenizer tokenizer)
    {
        var (text, logprob, bytes) = LikelyToken.Of(token, values.LogProbability, tokenizer);
        return new(text, logprob, bytes, [.. values.Top.Select(top => LikelyToken.Of(top.Token, top.LogProbability, tokenizer))]);
    }
}
