using System.Runtime.CompilerServices;
using LLaDA.Batch.Functions.Batches.Documents;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>Reads the input of a batch, a file of requests or a folder of documents.</summary>
internal sealed class BatchInput(FileStore files, ModelCatalog models, DocumentBatches documents, ServiceLimits limits)
{
    /// <summary>Adds errors where the batch cannot run.</summary>
    /// <returns>The model of all lines; null where there is an error.</returns>
    public Task<ModelRecord?> ReadAsync(
        BatchRecord batch, IPlannedLines lines, BatchValidationErrors errors, CancellationToken cancellation) =>
        batch.InputFolder is null
            ? ReadFileAsync(batch, lines, errors, cancellation)
            : documents.ReadAsync(batch, lines, errors, cancellation);

    /// <summary>Likewise, of requests that are not in a file of the tenant.</summary>
    public async Task<ModelRecord?> ReadAsync(
        BatchRecord batch, Stream content, IPlannedLines lines, BatchValidationErrors errors, CancellationToken cancellation)
    {
        var validator = new InputValidator(batch.Endpoint, id => models.FindAsync(batch.Tenant, id, cancellation), errors);
        int count = 0;
        await foreach (var line in JsonLines.ReadAsync(content, limits.MaxLineBytes, cancellation))
        {
            if (++count > limits.MaxLines)
            {
                errors.Add("too_many_tasks", $"The file has more than {limits.MaxLines} requests", line.Number);
                break;
            }
            var accepted = await validator.CheckAsync(line);
            if (accepted is not null && !errors.Any)
                await lines.AddAsync(accepted, validator.Model!, cancellation);
        }
        if (count == 0)
            errors.Add("empty_file", "The file has no requests");
        return errors.Any ? null : validator.Model;
    }

    /// <summary>The lines of an accepted input with their custom_ids and without their bodies, in order; none when it is gone.</summary>
    public async IAsyncEnumerable<ShardLine> ListIdsAsync(BatchRecord batch, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (batch.InputFolder is not null)
        {
            foreach (var (index, name) in (await documents.ListNamesAsync(batch, cancellation)).Index())
                yield return LostLines.Line(index + 1, name);
            yield break;
        }
        if (await files.FindAsync(batch.Tenant, batch.InputFileId!, cancellation) is not { } input
            || !await files.HasBytesAsync(input, cancellation))
            yield break;
        await using var content = await files.OpenReadAsync(input, cancellation);
        await foreach (var line in JsonLines.ReadAsync(content, limits.MaxLineBytes, cancellation))
            yield return LostLines.Line(line.Number, StrictJson.Parse(line.Bytes!).FindText("custom_id")!);
    }

    private async Task<ModelRecord?> ReadFileAsync(
        BatchRecord batch, IPlannedLines lines, BatchValidationErrors errors, CancellationToken cancellation)
    {
        if (await files.FindAsync(batch.Tenant, batch.InputFileId!, cancellation) is not { } input)
        {
            errors.Add("file_not_found", "The input file was deleted before it was read");
            return null;
        }
        if (!await files.HasBytesAsync(input, cancellation))
        {
            errors.Add("file_not_found", "The bytes of the input file are lost; upload it again");
            return null;
        }
        await using var content = await files.OpenReadAsync(input, cancellation);
        return await ReadAsync(batch, content, lines, errors, cancellation);
    }
}
