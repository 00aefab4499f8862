namespace LLaDA.Batch.Client.Answers;

/// <summary>What the model gave each token of a text in the step that committed it.</summary>
/// <param name="Content">By token.</param>
public sealed record Logprobs(IReadOnlyList<CommittedToken> Content);

/// <summary>A token of a text.</summary>
/// <param name="Token">Its text.</param>
/// <param name="Logprob">Natural logarithm of its probability.</param>
/// <param name="Bytes">Of its text in UTF-8; null for a special token.</param>
/// <param name="TopLogprobs">The most probable tokens in its place, best first.</param>
public sealed record CommittedToken(
    string Token, double Logprob, IReadOnlyList<int>? Bytes, IReadOnlyList<LikelyToken> TopLogprobs);

/// <summary>A token that might have stood in a place.</summary>
/// <param name="Token">Its text.</param>
/// <param name="Logprob">Natural logarithm of its probability.</param>
/// <param name="Bytes">Of its text in UTF-8; null for a special token.</param>
public sealed record LikelyToken(string Token, double Logprob, IReadOnlyList<int>? Bytes);
