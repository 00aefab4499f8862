using System.Text;
using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Evaluation;

namespace LLaDA.Batch.Worker.Requests;

/// <summary><c>/v1/score</c>: how likely the model holds each of some completions of a prompt.</summary>
internal sealed class ScoreJob(IReadOnlyList<int> prompt, IReadOnlyList<(int[] Tokens, int NumBytes)> completions, LikelihoodOptions options, string modelId, DateTimeOffset now) : ILineJob
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

        // Words carry their space in front: a space at the prompt's end belongs to what completes it.
        string trimmed = prompt.TrimEnd(' ');
        string space = prompt[trimmed.Length..];
        int[] before = [model.Tokenizer.BeginningOfTextId, .. model.Tokenizer.Encode(trimmed)];
        (int[] Tokens, int NumBytes)[] encoded = [.. completions.Select(completion => (model.Tokenizer.Encode(space + completion).ToArray(), Encoding.UTF8.GetByteCount(completion)))];
        foreach (var (index, (tokens, _)) in encoded.Index())
        {
            if (tokens.Length == 0)
                throw RequestBody.Invalid("completions", $"[{index}] is empty");
            if (before.Length + tokens.Length > model.ContextLength)
                throw new LineException("context_length_exceeded", $"The prompt and completions[{index}] have {before.Length + tokens.Length} tokens, but the model's context is {model.ContextLength}", "completions");
        }
        return new ScoreJob(before, encoded, options, model.Id, now);
    }

    public async Task<(object Body, LineUsage Usage)> RunAsync(ModelOperations model)
    {
        double[] scores = await Task.WhenAll(completions.Select(completion => model.LogLikelihoodAsync(prompt, completion.Tokens, options)));
        var results = completions.Zip(scores, (completion, score) => (completion, score)).Select((entry, index) =>
            new CompletionScore(index, Math.Round(entry.score, 5), entry.completion.Tokens.Length, entry.completion.NumBytes));
        var usage = new LineUsage(prompt.Count + completions.Sum(completion => completion.Tokens.Length), 0);
        return (new ScoreAnswer($"score-{Guid.NewGuid():N}", now.ToUnixTimeSeconds(), modelId, [.. results], Array.IndexOf(scores, scores.Max()), usage), usage);
    }

    private static string[] ReadCompletions(RequestBody body)
    {
        if (body.Find("completions") is not { } list)
            throw new LineException("missing_required_parameter", "completions is required", "completions");
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is 0 or > MaxCompletions || list.EnumerateArray().Any(text => text.ValueKind != JsonValueKind.String))
            throw RequestBody.Invalid("completions", $"must be a list of 1 to {MaxCompletions} texts");
        return [.. list.EnumerateArray().Select(text => text.GetString()!)];
    }
}

/// <param name="Best">Index of the likeliest completion.</param>
internal sealed record ScoreAnswer(string Id, long Created, string Model, IReadOnlyList<CompletionScore> Scores, int Best, LineUsage Usage)
{
    public string Object { get; init; } = "score";
}

/// <param name="LogLikelihood">Estimate of the bound on log p(completion | prompt), in nats.</param>
/// <param name="Tokens">Of the completion; divide by them, or by the bytes, to compare completions of unequal length.</param>
internal sealed record CompletionScore(int Index, double LogLikelihood, int Tokens, int Bytes);
