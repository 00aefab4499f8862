using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Models;

namespace LLaDA.Batch.Functions.Batches.Checks;

/// <summary>Reads the input of a batch as the plan would, and writes nothing.</summary>
internal sealed class BatchCheck(BatchInput input, PriceOptions prices)
{
    /// <param name="batch">A batch that is not stored.</param>
    public async Task<BatchCheckObject> RunAsync(BatchRecord batch, CancellationToken cancellation)
    {
        var (sums, errors) = (new LineSums(), BatchValidationErrors.WithoutLimit());
        return Outcome(batch, sums, errors, await input.ReadAsync(batch, sums, errors, cancellation));
    }

    /// <param name="batch">A batch that is not stored.</param>
    /// <param name="requests">Lines that are not in a file, without line ends.</param>
    /// <returns>Its outcome, and the first fault where there is one.</returns>
    public async Task<(BatchCheckObject Outcome, BatchError? Fault)> RunAsync(
        BatchRecord batch, IReadOnlyList<ReadOnlyMemory<byte>> requests, CancellationToken cancellation)
    {
        var (sums, errors) = (new LineSums(), BatchValidationErrors.WithoutLimit());
        using var content = new MemoryStream();
        foreach (var request in requests)
        {
            content.Write(request.Span);
            content.WriteByte((byte)'\n');
        }
        content.Position = 0;
        var model = await input.ReadAsync(batch, content, sums, errors, cancellation);
        return (Outcome(batch, sums, errors, model), errors.First);
    }

    private BatchCheckObject Outcome(BatchRecord batch, LineSums sums, BatchValidationErrors errors, ModelRecord? model) => new()
    {
        Valid = model is not null,
        Endpoint = batch.Endpoint,
        Model = model?.Id,
        Errors = errors.Any ? new JsonObject { ["object"] = "list", ["data"] = JsonNode.Parse(errors.ToJson()) } : null,
        Estimate = model is null ? null : BatchEstimate.Of(sums, model, prices),
    };
}
