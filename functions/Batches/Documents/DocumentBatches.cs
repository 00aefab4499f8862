using System.Text;
using System.Text.Json;
using Azure;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Documents;

/// <summary>The source and the destination of a batch over a folder of documents.</summary>
internal sealed class DocumentBatches(
    BlobFolders folders, BatchStore batches, FileStore store, ModelCatalog models, ServiceLimits limits)
{
    /// <summary>Reads all documents; adds an error when the folders or the model cannot be used.</summary>
    /// <returns>The model; null when there is an error.</returns>
    public async Task<ModelRecord?> ReadAsync(
        BatchRecord batch, IPlannedLines lines, BatchValidationErrors errors, CancellationToken cancellation)
    {
        string modelId = JsonElement.Parse(batch.DocumentBody!).GetProperty("model").GetString()!;
        if (await models.FindAsync(batch.Tenant, modelId, cancellation) is not { } model)
        {
            errors.Add("model_not_found", $"There is no model '{Excerpt.Of(modelId)}'", param: "body.model");
            return null;
        }
        string place = "output_blobs";
        try
        {
            if (await WriterAsync(batch, cancellation) is not { } writer)
            {
                errors.Add("container_not_found", "The container is no longer bound", param: place);
                return null;
            }
            // A folder that cannot be written fails the batch now and not after all the work.
            await writer.Manifest(batch).UploadAsync(Stream.Null, new BlobUploadOptions(), cancellation);
            if (lines is not ShardWriter)
                await writer.Manifest(batch).DeleteIfExistsAsync(cancellationToken: cancellation);     // nothing will run

            place = "input_blobs";
            var folder = BlobFolder.FromJson(batch.InputFolder!);
            if (await folders.OpenAsync(folder, batch.Tenant, cancellation) is not { } container)
            {
                errors.Add("container_not_found", "The container is no longer bound", param: place);
                return null;
            }
            int count = 0;
            long bytes = 0;
            var reader = new DocumentReader(container, folder.Prefix, batch.DocumentBody!, WithoutGapsOf(batch), limits);
            await foreach (var document in reader.ReadAsync(ListAsync(batch, cancellation), cancellation))
            {
                if (++count > limits.MaxLines)
                {
                    errors.Add("too_many_tasks", $"The folder has more than {limits.MaxLines} documents", param: place);
                    return null;
                }
                bytes += document.Bytes;
                if (bytes > limits.MaxActiveBytes)
                {
                    errors.Add("too_much_data", $"The documents of the folder have more than {limits.MaxActiveBytes} bytes", param: place);
                    return null;
                }
                if (document.Request is { } request)
                    await lines.AddAsync(request, model, cancellation);
                else
                    await lines.AddAsync(document.Settled!, model, cancellation);
            }
            if (count == 0)
                errors.Add("empty_folder", "The folder has no documents", param: place);
            await batches.SetInputBytesAsync(batch, bytes, cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status is 401 or 403 or 404)
        {
            errors.Add("folder_not_accessible", $"Storage answered {failure.Status} ({failure.ErrorCode})", param: place);
        }
        return errors.Any ? null : model;
    }

    /// <summary>The names of the documents in their order, as they are now; none when the folder cannot be read.</summary>
    public async Task<IReadOnlyList<string>> ListNamesAsync(BatchRecord batch, CancellationToken cancellation)
    {
        var folder = BlobFolder.FromJson(batch.InputFolder!);
        try
        {
            if (ListAsync(batch, cancellation) is { } names)
                return await names.ToListAsync(cancellation);
            if (await folders.OpenAsync(folder, batch.Tenant, cancellation) is { } container)
            {
                var documents = DocumentReader.ListAsync(container, folder.Prefix, cancellation);
                return await documents.Select(document => document.Name).ToListAsync(cancellation);
            }
        }
        catch (RequestFailedException)
        {
            // Its client may have taken the folder away.
        }
        return [];
    }

    /// <summary>
    /// Writes the filled documents, the manifest beside them, and the batch's files, all in the order of the documents' names.
    /// </summary>
    /// <returns>How many filled documents storage refused.</returns>
    public async Task<int> WriteAsync(
        BatchRecord batch, FileStore files, IAsyncEnumerable<IReadOnlyList<PartLine>> windows, CancellationToken cancellation)
    {
        var writer = await WriterAsync(batch, cancellation)
            ?? throw new InvalidOperationException("The output container is no longer bound");
        await using var output = files.Write(batch.Tenant, batch.OutputFileKey!, cancellation);
        await using var errors = files.Write(batch.Tenant, batch.ErrorFileKey!, cancellation);
        await using var manifest = new FileWriter(writer.Manifest(batch), overwrite: true, cancellation);
        int refused = 0;
        await foreach (var window in windows)
        {
            var entries = await writer.WriteAsync(window, cancellation);
            refused += entries.Count(entry => entry.IsError) - window.Count(line => line.IsError);
            foreach (var entry in entries)
            {
                byte[] line = Encoding.UTF8.GetBytes(entry.Json + "\n");
                await (entry.IsError ? errors : output).Content.WriteAsync(line, cancellation);
                await manifest.Content.WriteAsync(line, cancellation);
            }
        }
        await output.CompleteAsync();
        await errors.CompleteAsync();
        await manifest.CompleteAsync();
        return refused;
    }

    /// <summary>The names of the documents that a retry reads.</summary>
    /// <returns>Null for a batch that reads all documents of its folder.</returns>
    private IAsyncEnumerable<string>? ListAsync(BatchRecord batch, CancellationToken cancellation)
    {
        return batch.InputFileId is null ? null : NamesAsync();

        async IAsyncEnumerable<string> NamesAsync()
        {
            if (await store.FindAsync(batch.Tenant, batch.InputFileId, cancellation) is not { } list)
                yield break;
            await using var content = await store.OpenReadAsync(list, cancellation);
            await foreach (var line in JsonLines.ReadAsync(content, limits.MaxLineBytes, cancellation))
                yield return JsonElement.Parse(line.Bytes).FindText("custom_id")!;
        }
    }

    private static WithoutGaps WithoutGapsOf(BatchRecord batch) =>
        batch.WithoutGaps is { } name && WireNames.TryParse(name, out WithoutGaps choice) ? choice : default;

    private async Task<DocumentWriter?> WriterAsync(BatchRecord batch, CancellationToken cancellation)
    {
        var folder = BlobFolder.FromJson(batch.OutputFolder!);
        var container = await folders.OpenAsync(folder, batch.Tenant, cancellation);
        return container is null ? null : new DocumentWriter(container, folder.Prefix);
    }
}
