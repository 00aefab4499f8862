using System.Text.Json.Serialization;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary><c>/v1/completions</c>: new text after a prompt, or between a prompt and a suffix.</summary>
internal sealed class CompletionJob(Generation generation, string modelId, DateTimeOffset now) : ILineJob
{
    /// <summary>OpenAI's default.</summary>
    private const int DefaultMaxTokens = 16;

    public static CompletionJob Read(RequestBody body, LoadedModel model, ulong seed, DateTimeOffset now)
    {
        var tokenizer = model.Tokenizer;
        string prompt = body.Text("prompt");
        string? suffix = body.OptionalText("suffix");
        bool hasSuffix = !string.IsNullOrEmpty(suffix);
        if (hasSuffix && model.Config.Family.IsBlockCausal)
        {
            throw new LineException(
                "unsupported_parameter",
                $"suffix does not go with {model.Config.Family} models: "
                + "they see what is before a place and its own block, not what is behind",
                "suffix");
        }
        // Between two texts no token may end the text; after a prompt an end token stops the answer.
        var options = SamplingParameters.Read(
            body, model.Config, FamilySampling.DefaultBlockLength, seed, hasSuffix ? model.NonText : null) with { StopsAtEos = !hasSuffix };
        var stops = GenerationParameters.ReadStops(body);
        int numAnswers = GenerationParameters.ReadNumAnswers(body);
        int? numTop = LogprobsParameter.ReadOfCompletion(body);
        bool isTraced = GenerationParameters.ReadTrace(body);
        var limit = MaxTokens.Read(body, "max_tokens");
        body.RequireNothingElse();

        int[] before = [.. tokenizer.BeginningOfText, .. tokenizer.Encode(prompt)];
        int[] after = hasSuffix ? [.. tokenizer.Encode(suffix!), tokenizer.EndOfTextId] : [];
        int newTokens = limit.Within(model, before.Length + after.Length, DefaultMaxTokens);
        var generation = new Generation(model, before, newTokens, after, stops, options)
        {
            NumAnswers = numAnswers,
            NumTop = numTop,
            IsTraced = isTraced,
        };
        return new CompletionJob(generation, model.Id, now);
    }

    public LineWork Work => generation.Work;

    public async Task<LineAnswer> RunAsync(ModelOperations model, LineProgress progress)
    {
        var (texts, usage) = await GeneratedTexts.SampleAsync(generation, model, progress);
        var choices = texts.Select((text, index) => new CompletionChoice(
            text.Text, index, text.FinishReason, CompletionLogprobs.Of(text.Logprobs), text.Trace));
        return new LineAnswer(
            new CompletionAnswer($"cmpl-{Guid.NewGuid():N}", now.ToUnixTimeSeconds(), modelId, [.. choices], usage), usage);
    }
}

internal sealed record CompletionAnswer(string Id, long Created, string Model, IReadOnlyList<CompletionChoice> Choices, LineUsage Usage)
{
    public string Object { get; init; } = "text_completion";
}

internal sealed record CompletionChoice(
    string Text,
    int Index,
    string FinishReason,
    CompletionLogprobs? Logprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] LineTrace? Trace);
