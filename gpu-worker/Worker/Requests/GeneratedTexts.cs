using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>The texts of a line in the order of their answers, and what they took together.</summary>
internal sealed record GeneratedTexts(IReadOnlyList<GeneratedText> Texts, LineUsage Usage)
{
    /// <summary>Samples all answers at once, those left out that an earlier try has finished, and keeps each one that ends.</summary>
    public static async Task<GeneratedTexts> SampleAsync(Generation generation, ModelOperations model, LineProgress progress)
    {
        var done = progress.State.Generated;
        var sized = generation with { NumNewTokens = await LengthAsync(generation, model, progress, done.Length) };
        var texts = await Task.WhenAll(Enumerable.Range(0, generation.NumAnswers).Select(async answer =>
        {
            if (done.Texts.TryGetValue(answer, out var known))
                return known;
            var text = sized.Result(await model.SampleAsync(sized.Row(answer, model.OnStep)));
            if (generation.NumAnswers > 1)
                progress.Set(answer, text, generation.NumAnswers);
            return text;
        }));
        int numGiven = generation.Prompt.Count + generation.Suffix.Count;
        // What one answer computed and the next one took over is no work saved to the line.
        var usage = new LineUsage(numGiven, texts.Sum(text => text.NumTokens), texts.Min(text => text.NumReusedTokens));
        return new GeneratedTexts(texts, usage);
    }

    /// <summary>Between two texts the model chooses the length, up to the one that was asked for.</summary>
    private static async Task<int> LengthAsync(Generation generation, ModelOperations model, LineProgress progress, int? known)
    {
        if (generation.Suffix.Count == 0 || known is not null)
            return known ?? generation.NumNewTokens;
        int length = await model.FindLengthAsync(generation.NumNewTokens, generation.CandidateRow);
        if (generation.NumAnswers > 1)
            progress.SetLength(length);
        return length;
    }
}
