namespace LLaDA.Batch.Worker.Models;

/// <summary>The first samples of an estimate.</summary>
/// <param name="Sum">Of their terms, in nats.</param>
internal sealed record PartialScore(int NumSamples, double Sum)
{
    public static PartialScore None { get; } = new(0, 0);
}
