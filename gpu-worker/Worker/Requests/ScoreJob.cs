using System.Text;
using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Evaluation;

namespace LLaDA.Batch.Worker.Requests;

/// <summary><c>/v1/score</c>: the likelihood of each of several completions of a prompt.</summary>
internal sealed class ScoreJob(
    IReadOnlyList<int> prompt,
    IReadOnlyList<ScoredCompletion> completions,
    LikelihoodOptions options,
    LoadedModel model,
    DateTimeOffset now)
    : ILineJob
{
    private const int MaxCompletions = 256;

    public static ScoreJob Read(RequestBody body, LoadedModel model, ulong seed, DateTimeOffset now)
    {
        string prompt = body.Text("prompt");
        string[] completions = ReadCompletions(body);
        var options = new LikelihoodOptions
        {
            NumSamples = body.Integer("num_samples") ?? new LikelihoodOptions().NumSamples,
            CfgScale = body.Number("cfg_scale") ?? 0,
            Seed = (ulong?)body.LongInteger("seed") ?? seed,
        };
        body.RequireNothingElse();
        if (options.Validate().FirstOrDefault() is { } error)
            throw new LineException("invalid_value", error.Sentence, error.Parameter);

        // Byte-level BPE puts the space before a word, so a space at the end of the prompt belongs to the completion.
        string trimmed = prompt.TrimEnd(' ');
        string space = prompt[trimmed.Length..];
        int[] before = [.. model.Tokenizer.BeginningOfText, .. model.Tokenizer.Encode(trimmed)];
        ScoredCompletion Encode(string text) => new([.. model.Tokenizer.Encode(space + text)], Encoding.UTF8.GetByteCount(text));
        ScoredCompletion[] encoded = [.. completions.Select(Encode)];
        foreach (var (index, completion) in encoded.Index())
        {
            if (completion.Tokens.Count == 0)
                throw body.Invalid($"completions[{index}]", "must not be empty");
            int length = before.Length + completion.Tokens.Count;
            if (length > model.ContextLength)
            {
                throw new LineException(
                    "context_length_exceeded",
                    $"The prompt and completions[{index}] have {length} tokens, but the model's context is {model.ContextLength}",
                    "completions");
            }
        }
        return new ScoreJob(before, encoded, options, model, now);
    }

    public LineWork Work => completions.Aggregate(default(LineWork), (sum, completion) =>
        sum + LineWork.OfCanvas(
            LikelihoodEstimator.TokensOfSample(model.Config, prompt.Count, completion.Tokens.Count),
            options.NumSamples,
            options.CfgScale > 0));

    public async Task<LineAnswer> RunAsync(ModelOperations operations, LineProgress progress)
    {
        double numSamples = (double)completions.Count * options.NumSamples;
        var done = progress.State.Scores;
        double[] scores = await Task.WhenAll(completions.Select((completion, index) => operations.LogLikelihoodAsync(
            prompt, completion.Tokens, options, done.GetValueOrDefault(index, PartialScore.None),
            score => progress.Set(index, score, numSamples))));
        var results = completions.Select((completion, index) =>
            new CompletionScore(index, Math.Round(scores[index], 5), completion.Tokens.Count, completion.NumBytes));
        var usage = new LineUsage(prompt.Count + completions.Sum(completion => completion.Tokens.Count), 0);
        int best = Array.IndexOf(scores, scores.Max());
        var answer = new ScoreAnswer($"score-{Guid.NewGuid():N}", now.ToUnixTimeSeconds(), model.Id, [.. results], best, usage);
        return new LineAnswer(answer, usage);
    }

    private static string[] ReadCompletions(RequestBody body)
    {
        if (body.Find("completions") is not { } list)
            throw body.Missing("completions", "is required");
        bool isList = list.ValueKind == JsonValueKind.Array && list.GetArrayLength() is > 0 and <= MaxCompletions;
        if (!isList || list.EnumerateArray().Any(text => text.ValueKind != JsonValueKind.String))
            throw body.Invalid("completions", $"must be a list of 1 to {MaxCompletions} texts");
        return [.. list.EnumerateArray().Select(text => text.GetString()!)];
    }
}

/// <param name="NumBytes">Of the completion in UTF-8.</param>
internal sealed record ScoredCompletion(IReadOnlyList<int> Tokens, int NumBytes);

/// <param name="Best">Index of the likeliest completion.</param>
internal sealed record ScoreAnswer(string Id, long Created, string Model, IReadOnlyList<CompletionScore> Scores, int Best, LineUsage Usage)
{
    public string Object { get; init; } = "score";
}

/// <param name="LogLikelihood">Estimate of the bound on log p(completion | prompt), in nats.</param>
/// <param name="Tokens">Number of the completion's tokens; divide by it, or by the bytes, to compare completions of different
/// lengths.</param>
internal sealed record CompletionScore(int Index, double LogLikelihood, int Tokens, int Bytes);
