using System.Text;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>How a text came about: the answer to <c>"trace": true</c>.</summary>
internal sealed record LineTrace(IReadOnlyList<TracedToken> Tokens, IReadOnlyList<TracedTakenBack> TakenBack)
{
    private const int Digits = 4;

    /// <param name="trace">Null where none was asked for.</param>
    /// <param name="numTokens">Tokens of the text; the others stand behind its end.</param>
    public static LineTrace? Of(TextTrace? trace, LLaDATokenizer tokenizer, int numTokens)
    {
        if (trace is null)
            return null;
        var tokens = trace.Tokens.Take(numTokens).Select((token, index) =>
            new TracedToken(Text(token), trace.Steps[index], Math.Round(trace.Confidences[index], Digits)));
        var takenBack = trace.TakenBack.Select(taken => new TracedTakenBack(
            taken.Position, Text(taken.Token), taken.Step, Math.Round(taken.Confidence, Digits), taken.TakenBackAt));
        return new LineTrace([.. tokens], [.. takenBack]);

        // A token may be a part of a character, which only its neighbours complete.
        string Text(int token) => Encoding.UTF8.GetString(tokenizer.DecodeBytes([token]));
    }
}

/// <param name="Step">The denoising step that committed it, from 1.</param>
/// <param name="Confidence">Its probability in that step.</param>
internal sealed record TracedToken(string Token, int Step, double Confidence);

/// <param name="Index">Of the token's place among those of the text.</param>
/// <param name="TakenBackAt">The step that masked or replaced it.</param>
internal sealed record TracedTakenBack(int Index, string Token, int Step, double Confidence, int TakenBackAt);
