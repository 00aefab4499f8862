using System.Text.Json.Serialization;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Worker.Requests;

/// <summary><c>/v1/chat/completions</c>: the assistant's next message in a dialogue.</summary>
internal sealed class ChatJob(Generation generation, string modelId, DateTimeOffset now) : ILineJob
{
    /// <summary>The reference implementation's gen_length.</summary>
    private const int DefaultMaxTokens = 128;

    public static ChatJob Read(RequestBody body, LoadedModel model, ulong seed, DateTimeOffset now)
    {
        var messages = ChatMessages.Read(body);
        var options = SamplingParameters.Read(body, model.Config, FamilySampling.DefaultBlockLength, seed) with { StopsAtEos = true };
        var stops = GenerationParameters.ReadStops(body);
        int numAnswers = GenerationParameters.ReadNumAnswers(body);
        int? numTop = LogprobsParameter.Read(body);
        bool isTraced = GenerationParameters.ReadTrace(body);
        var limit = MaxTokens.Read(body, "max_tokens", "max_completion_tokens");
        body.RequireNothingElse();
        if (!model.Tokenizer.KnowsDialogues)
        {
            throw new LineException(
                "chat_not_supported",
                $"'{model.Id}' is a base model without tokens for dialogues; use {BatchEndpoint.Completions}",
                "model");
        }

        var prompt = Encode(model.Tokenizer, messages);
        int newTokens = limit.Within(model, prompt.Count, DefaultMaxTokens);
        var generation = new Generation(model, prompt, newTokens, [], stops, options)
        {
            NumAnswers = numAnswers,
            NumTop = numTop,
            IsTraced = isTraced,
            IsTrimmed = true,
        };
        return new ChatJob(generation, model.Id, now);
    }

    public LineWork Work => generation.Work;

    public async Task<LineAnswer> RunAsync(ModelOperations model, LineProgress progress)
    {
        var (texts, usage) = await GeneratedTexts.SampleAsync(generation, model, progress);
        var choices = texts.Select((text, index) => new ChatChoice(
            index, new ChatAnswerMessage("assistant", text.Text), text.FinishReason, text.Logprobs, text.Trace));
        return new LineAnswer(
            new ChatAnswer($"chatcmpl-{Guid.NewGuid():N}", now.ToUnixTimeSeconds(), modelId, [.. choices], usage), usage);
    }

    private static List<int> Encode(LLaDATokenizer tokenizer, IReadOnlyList<ChatMessage> messages)
    {
        try
        {
            return ChatTemplate.Encode(tokenizer, messages);
        }
        catch (FormatException refusal)
        {
            throw new LineException("invalid_value", refusal.Message, "messages");
        }
    }
}

internal sealed record ChatAnswer(string Id, long Created, string Model, IReadOnlyList<ChatChoice> Choices, LineUsage Usage)
{
    public string Object { get; init; } = "chat.completion";
}

internal sealed record ChatChoice(
    int Index,
    ChatAnswerMessage Message,
    string FinishReason,
    LineLogprobs? Logprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] LineTrace? Trace);

internal sealed record ChatAnswerMessage(string Role, string Content);
