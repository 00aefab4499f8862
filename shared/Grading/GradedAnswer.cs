using System.Text.Json;

namespace LLaDA.Batch.Shared.Grading;

/// <summary>An answer that is judged.</summary>
/// <param name="Item">The line of training data that was answered, an object.</param>
/// <param name="OutputText">The answer.</param>
/// <param name="Likelihood">What a model thinks of texts; used by <see cref="LikelihoodGrader"/> alone.</param>
public sealed record GradedAnswer(JsonElement Item, string OutputText, LikelihoodOf Likelihood);

/// <summary>The geometric mean of the probabilities of a text's tokens behind another one, in [0, 1].</summary>
public delegate double LikelihoodOf(string prompt, string completion, int numSamples);
