using System.Text.Json;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>How many of the most probable tokens an answer lists beside each of its own.</summary>
internal static class LogprobsParameter
{
    /// <summary>OpenAI's bound for completions.</summary>
    private const int MaxOfCompletion = 5;

    /// <summary>OpenAI's <c>logprobs</c> and <c>top_logprobs</c> of chat.</summary>
    /// <returns>Null where the answer has no log-probabilities.</returns>
    public static int? Read(RequestBody body)
    {
        bool isAsked = body.Flag("logprobs") ?? false;
        int top = body.Integer("top_logprobs") ?? 0;
        if (top is < 0 or > TokenLogProbabilities.MaxTop)
            throw body.Invalid("top_logprobs", $"is {top}; it must lie in [0, {TokenLogProbabilities.MaxTop}]");
        if (top > 0 && !isAsked)
            throw body.Invalid("top_logprobs", "goes with logprobs true");
        return isAsked ? top : null;
    }

    /// <summary>OpenAI's <c>logprobs</c> of completions, a number; false is none.</summary>
    /// <returns>Null where the answer has no log-probabilities.</returns>
    public static int? ReadOfCompletion(RequestBody body)
    {
        if (body.Find("logprobs") is not { ValueKind: not JsonValueKind.False } given)
            return null;
        int? top = given.ValueKind == JsonValueKind.Number ? body.Integer("logprobs") : null;
        return top is >= 0 and <= MaxOfCompletion ? top : throw body.Invalid(
            "logprobs", $"must be a whole number in [0, {MaxOfCompletion}]: the most probable tokens to list beside each");
    }
}
