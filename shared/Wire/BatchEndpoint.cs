namespace LLaDA.Batch.Shared.Wire;

/// <summary>What the lines of a batch may ask for.</summary>
public static class BatchEndpoint
{
    public const string Infill = "/v1/infill";
    public const string Completions = "/v1/completions";
    public const string ChatCompletions = "/v1/chat/completions";

    public const string Score = "/v1/score";

    public static IReadOnlyList<string> All { get; } = [Infill, Completions, ChatCompletions, Score];
}
