namespace LLaDA.Batch.Client.Answers;

/// <summary>How the tokens of a text came about.</summary>
/// <param name="Tokens">In the order of the text.</param>
/// <param name="TakenBack">Committed tokens that did not stay.</param>
public sealed record AnswerTrace(IReadOnlyList<TracedToken> Tokens, IReadOnlyList<TakenBackToken> TakenBack);

/// <summary>A token that stayed.</summary>
/// <param name="Step">That committed it, from 1.</param>
/// <param name="Confidence">The probability that the model gave it in that step, from 0 to 1.</param>
public sealed record TracedToken(string Token, int Step, double Confidence);

/// <summary>A token that a later step took back.</summary>
/// <param name="Index">Of its place among the tokens, from 0.</param>
/// <param name="Step">That committed it, from 1.</param>
/// <param name="TakenBackAt">The step that took it back.</param>
public sealed record TakenBackToken(int Index, string Token, int Step, double Confidence, int TakenBackAt);
