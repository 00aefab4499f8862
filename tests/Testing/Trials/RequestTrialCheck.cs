using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Idempotency;
using LLaDA.Batch.Functions.Uploads;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Testing;

/// <summary>What there must be after the requests of a <see cref="RequestTrial"/>: each work once, each line once, and no more.</summary>
/// <param name="fault">For messages.</param>
internal sealed class RequestTrialCheck(StorageAccount storage, TimeProvider time, string fault)
{
    private readonly FileStore _files = new(storage, time);

    public async Task RunAsync(int numRequests)
    {
        await CheckFilesAsync();
        await CheckBatchesAsync();
        await CheckRowsAsync(numRequests);
    }

    private async Task CheckFilesAsync()
    {
        var records = await _files.Records.ListAsync(RequestTrial.Tenant, after: null, CancellationToken.None).ToListAsync();
        var files = records.Where(file => !file.IsExpired(time.GetUtcNow())).ToList();
        Require(
            "batch 2, batch_output 3, fine-tune 1",
            string.Join(", ", files.GroupBy(file => file.Purpose).OrderBy(group => group.Key, StringComparer.Ordinal)
                .Select(group => $"{group.Key} {group.Count()}")));
        var blobs = await storage.Container(StorageNames.FilesContainer).GetBlobsAsync().Select(blob => blob.Name).ToListAsync();
        Require(
            string.Join(' ', files.Select(file => $"{file.Tenant}/{file.RowKey}").Order(StringComparer.Ordinal)),
            string.Join(' ', blobs.Order(StringComparer.Ordinal)));
        Require(string.Concat(RequestTrial.Parts), await TextAsync(files.Single(file => file.Purpose == FilePurpose.FineTune)));
    }

    private async Task CheckBatchesAsync()
    {
        var batches = new BatchStore(storage, time);
        var all = await batches.Records.ScanAsync("", CancellationToken.None).ToListAsync();
        Require("3", $"{all.Count}");
        var retry = all.Single(batch => batch.ParentKey is not null);
        var parent = all.Single(batch => batch.RowKey == retry.ParentKey);
        Require("Completed 2 1, Completed 1 0, Completed 1 0", string.Join(", ", new[] { parent, retry, all.Single(batch => batch.IsNow) }
            .Select(batch => $"{batch.Status} {batch.CompletedLines} {batch.FailedLines}")));
        Require("1 3 | 2 | 2 | ", string.Join(" | ",
            await IdsAsync(parent.OutputFileId), await IdsAsync(parent.ErrorFileId),
            await IdsAsync(retry.OutputFileId), await IdsAsync(retry.ErrorFileId)));
        Require(RequestTrial.Line(RequestTrial.FailedLine), await TextAsync(await FileAsync(retry.InputFileId!)));
        Require("0", $"{await batches.Open.ListAsync(tenant: null, CancellationToken.None).CountAsync()}");
        Require("0", $"{await batches.OpenAnswers.ListAsync(tenant: null, CancellationToken.None).CountAsync()}");
        var usage = await TrialUsage.ListAsync(storage);
        Require("1 0 10, 1 0 10, 2 1 30", string.Join(", ", usage
            .Select(row => $"{row.CompletedLines} {row.FailedLines} {row.PromptTokens}")));
    }

    private async Task CheckRowsAsync(int numRequests)
    {
        var keys = await new IdempotencyRecords(storage, time).Rows.ScanAsync("", CancellationToken.None).ToListAsync();
        Require($"{numRequests} of which 1 for an answer", $"{keys.Count} of which {keys.Count(row => row.Status is null)} for an answer");
        var uploads = new UploadStore(storage);
        var records = await uploads.Records.ListAsync(RequestTrial.Tenant, after: null, CancellationToken.None).ToListAsync();
        Require("Cancelled Completed", string.Join(' ', records.Select(upload => $"{upload.State}").Order(StringComparer.Ordinal)));
        var parts = await uploads.ListPartsAsync(records.Single(upload => upload.State == UploadState.Completed), CancellationToken.None);
        Require("2", $"{parts.Count}");
    }

    private async Task<string> IdsAsync(string? file) => file is null ? "" : string.Join(' ', (await TextAsync(await FileAsync(file)))
        .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!["custom_id"]!.GetValue<string>()));

    private async Task<FileRecord> FileAsync(string id) => (await _files.FindAsync(RequestTrial.Tenant, id, CancellationToken.None))!;

    private async Task<string> TextAsync(FileRecord file)
    {
        using var reader = new StreamReader(await _files.OpenReadAsync(file, CancellationToken.None));
        return await reader.ReadToEndAsync();
    }

    private void Require(string expected, string actual)
    {
        if (actual != expected)
            throw new TrialException($"There is '{actual}' and should be '{expected}' {fault}");
    }
}
