namespace LLaDA.Diffusion.Data.Examples;

/// <summary>A prompt and the answer that is learnt, as text.</summary>
/// <param name="History">The dialogue up to the answer, at least one message; null for plain text.</param>
/// <param name="Prompt">The text before the answer where there is no dialogue.</param>
internal sealed record TrainingExample(IReadOnlyList<ExampleMessage>? History, string Prompt, string Answer);

/// <summary>A dialogue with two answers, as text.</summary>
/// <param name="History">Up to the question, at least one message.</param>
/// <param name="Chosen">The preferred answer.</param>
/// <param name="Rejected">The other one.</param>
internal sealed record PreferenceExample(IReadOnlyList<ExampleMessage> History, string Chosen, string Rejected);

/// <summary>A prompt without an answer, as text.</summary>
/// <param name="History">The dialogue up to the question; null for plain text.</param>
/// <param name="Prompt">The text where there is no dialogue.</param>
internal sealed record PromptExample(IReadOnlyList<ExampleMessage>? History, string Prompt);

/// <summary>One message of a dialogue to learn from.</summary>
/// <param name="Role">system, user or assistant.</param>
/// <param name="IsLearnt">Whether it is an answer to learn; an answer of weight 0 is history alone.</param>
internal sealed record ExampleMessage(string Role, string Content, bool IsLearnt);
