using System.Text;
using LLaDA.Diffusion.Data.Examples;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Data;

/// <summary>Prompts that a model answers itself.</summary>
/// <remarks>A batch has a row of each prompt with its line, and nothing to learn.</remarks>
public sealed class PromptData : ExampleData
{
    /// <param name="options">Long prompts are skipped or fail: without its end a question is another one.</param>
    /// <param name="answerTokens">Room that each prompt leaves for an answer within <see cref="FineTuningOptions.MaxLength"/>.</param>
    /// <exception cref="TrainingDataException">Lines are wrong or too long, or there are none.</exception>
    /// <exception cref="ArgumentException">Long prompts are to be cut.</exception>
    public PromptData(string path, LLaDATokenizer tokenizer, FineTuningOptions options, int answerTokens)
        : base(
            path,
            tokenizer,
            options.Whole("Prompts"),
            line => [Row(line, tokenizer) with { Answer = new int[answerTokens], AnswerName = "an answer of up to" }],
            $"prompts for {answerTokens} tokens, ",
            $"prompts leave less than {answerTokens} of {options.MaxLength} tokens for an answer")
    {
    }

    /// <summary>The lines that are used, in the order of the file.</summary>
    public IEnumerable<DataLine> Lines => Enumerable.Range(0, NumRows).Select(Line);

    public override TrainingBatch Batch(int step, int batchSize)
    {
        int[] lines = [.. Draw(step, batchSize).Select(drawn => drawn.Line)];
        return Pad([.. lines.Select(line => Row(Read(line), Tokenizer))]) with { Lines = [.. lines.Select(Line)] };
    }

    private DataLine Line(int line) => new(Number(line), Encoding.UTF8.GetString(Read(line)).TrimStart('\uFEFF'));

    /// <returns>The prompt, without an answer.</returns>
    private static ExampleRow Row(byte[] line, LLaDATokenizer tokenizer)
    {
        var example = ExampleReader.ReadPrompt(line);
        return new ExampleRow(
            example.History is { } history
                ? [.. ChatTemplate.Encode(tokenizer, history.Select(message => new ChatMessage(message.Role, message.Content)))]
                : [.. tokenizer.BeginningOfText, .. tokenizer.Encode(example.Prompt)],
            []);
    }
}
