namespace LLaDA.Diffusion.Training.Bounds;

/// <summary>Noised rows of responses that pass together.</summary>
/// <param name="Batch">Each token's cross entropy is weighted so that the rows of a response add up to its negative bound, in nats.</param>
/// <param name="Responses">The number of each row's response, [B].</param>
internal sealed record BoundRows(NoisedBatch Batch, int[] Responses)
{
    /// <summary>The rows with the bound of each response counted by a factor.</summary>
    public NoisedBatch Times(Func<int, double> factorOfResponse) => Batch with
    {
        Weights = [.. Batch.Masked.Zip(Batch.Weights!, (token, weight) => (float)(weight * factorOfResponse(Responses[token.Row])))],
    };
}
