using System.Text.Json;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Benchmarks.Tasks;

/// <summary>A question with its answer.</summary>
/// <param name="Prompt">From the beginning of text on.</param>
/// <param name="Answer">Without its end.</param>
internal sealed record Example(int[] Prompt, int[] Answer);

/// <summary>
/// 304 verses of the King James Bible, drawn once by chance among those of 80 to 130 letters. A prompt names the verse and gives its first
/// six words; the answer is the rest. A model that was fine-tuned on these lines knows most of them by heart, so that exact match can
/// compare samplers.
/// </summary>
internal static class Recitation
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    private sealed record Line(string Prompt, string Completion);

    /// <param name="promptLength">Tokens of every prompt: verses of the set stand before a shorter one. 0 leaves the prompts as they are
    /// learnt.</param>
    public static Example[] Read(LLaDATokenizer tokenizer, int promptLength)
    {
        Line[] lines = [
            .. File.ReadLines(Path.Combine(Repository.Root, "tests", "Benchmarks", "Tasks", "recitation.jsonl"))
            .Select(line => JsonSerializer.Deserialize<Line>(line, s_json)!)];
        int[] text = [.. lines.SelectMany(line => tokenizer.Encode(line.Prompt + line.Completion + "\n"))];
        return [.. lines.Select(line =>
        {
            int[] prompt = [.. tokenizer.Encode(line.Prompt)];
            int numBefore = Math.Max(0, promptLength - 1 - prompt.Length);
            return new Example([tokenizer.BeginningOfTextId, .. text[^numBefore..], .. prompt], [.. tokenizer.Encode(line.Completion)]);
        })];
    }
}
