using LLaDA.Diffusion.Data.Examples;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>An example as tokens.</summary>
/// <param name="Prompt">From the beginning of text to where the answer begins.</param>
/// <param name="Answer">Up to and with the end of text.</param>
internal sealed record ExampleRow(int[] Prompt, int[] Answer)
{
    /// <summary>What the answer is called in an error, before its number of tokens.</summary>
    public string AnswerName { get; init; } = "its answer of";

    public int Length => Prompt.Length + Answer.Length;

    /// <exception cref="NotSupportedException">The tokenizer lacks the tokens of a dialogue.</exception>
    /// <exception cref="FormatException">The model's own template refuses the dialogue.</exception>
    public static ExampleRow Of(LLaDATokenizer tokenizer, TrainingExample example)
    {
        if (example.History is not { } history)
        {
            return new ExampleRow(
                [.. tokenizer.BeginningOfText, .. tokenizer.Encode(example.Prompt)],
                [.. tokenizer.Encode(example.Answer), tokenizer.EndOfTextId]);
        }
        var (prompt, answer) = ChatTemplate.EncodeAnswered(
            tokenizer, [.. history.Select(message => new ChatMessage(message.Role, message.Content))], example.Answer);
        bool isEnded = answer.Count > 0 && answer[^1] == tokenizer.EndOfTextId;
        return new ExampleRow([.. prompt], isEnded ? [.. answer] : [.. answer, tokenizer.EndOfTextId]);
    }

    public int[] Padded(int length, int padding) => [.. Prompt, .. Answer, .. Enumerable.Repeat(padding, length - Length)];

    /// <summary>Why it is too long, as a sentence.</summary>
    public string WhyTooLong(int contextLength) =>
        $"its prompt of {Prompt.Length} tokens and {AnswerName} {Answer.Length} do not fit a context of {contextLength}";
}
