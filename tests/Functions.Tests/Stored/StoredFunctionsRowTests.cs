using LLaDA.Batch.Functions.Idempotency;
using LLaDA.Batch.Functions.Uploads;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Tests.Stored;

/// <summary>Rows of the control plane alone, as <see cref="StoredRows"/> has them.</summary>
public sealed class StoredFunctionsRowTests(StorageFixture fixture)
{
    private static readonly DateTimeOffset s_time = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Theory]
    [InlineData("Pending", UploadState.Pending)]
    [InlineData("Completing", UploadState.Completing)]
    [InlineData("Completed", UploadState.Completed)]
    [InlineData("Cancelled", UploadState.Cancelled)]
    public async Task An_upload(string stored, UploadState state) => await fixture.AssertKeptAsync<UploadRecord>(
        StorageNames.UploadsTable,
        new()
        {
            ["State"] = stored, ["Filename"] = "a.jsonl", ["Purpose"] = "batch", ["MimeType"] = "text/plain", ["Bytes"] = 5L,
            ["FileSeconds"] = 3600, ["PartsHash"] = "00ff", ["CreatedAt"] = s_time, ["ExpiresAt"] = s_time,
        },
        upload => Assert.Equal(
            (state, "upload_" + StoredRows.Key, 5L, 3600), (upload.State, upload.Id, upload.Bytes, upload.FileSeconds)));

    [Fact]
    public async Task A_part_of_an_upload() => await fixture.AssertKeptAsync<UploadPartRecord>(
        StorageNames.UploadsTable,
        new() { ["Bytes"] = 5L, ["NumBlocks"] = 2, ["CreatedAt"] = s_time },
        part => Assert.Equal(("part_" + StoredRows.Key, 5L, 2), (part.Id, part.Bytes, part.NumBlocks)),
        partition: $"acme|{StoredRows.Key}");

    [Fact]
    public async Task A_webhook_endpoint() => await fixture.AssertKeptAsync<WebhookEndpointRecord>(
        StorageNames.WebhooksTable,
        new() { ["Url"] = "https://example.com/", ["Events"] = "batch.failed", ["SealedSecret"] = "c2VhbGVk", ["CreatedAt"] = s_time },
        endpoint => Assert.Equal(
            ("we_" + StoredRows.Key, "https://example.com/", true), (endpoint.Id, endpoint.Url, endpoint.Wants("batch.failed"))));

    [Theory]
    [InlineData("Pending", DeliveryStatus.Pending)]
    [InlineData("Delivered", DeliveryStatus.Delivered)]
    [InlineData("GaveUp", DeliveryStatus.GaveUp)]
    public async Task A_delivery(string stored, DeliveryStatus status) => await fixture.AssertKeptAsync<WebhookDeliveryRecord>(
        StorageNames.WebhooksTable,
        new()
        {
            ["EventId"] = "evt_1", ["EventType"] = "batch.failed", ["ObjectId"] = "batch_1", ["HappenedAt"] = s_time, ["Status"] = stored,
            ["Attempts"] = 3, ["AttemptedAt"] = s_time, ["StatusCode"] = 500, ["Failure"] = "why", ["NextAttemptAt"] = s_time,
            ["ExpiresAt"] = s_time,
        },
        delivery => Assert.Equal((status, 3, 500), (delivery.Status, delivery.Attempts, delivery.StatusCode)),
        partition: "acme|we_1");

    [Fact]
    public async Task A_request_with_an_idempotency_key() => await fixture.AssertKeptAsync<IdempotencyRecord>(
        StorageNames.IdempotencyTable,
        new()
        {
            ["Request"] = "POST /v1/files", ["BodyHash"] = "00ff", ["WorkKey"] = "k", ["CreatedAt"] = s_time, ["ExpiresAt"] = s_time,
            ["Tries"] = 2, ["IsFree"] = true, ["Status"] = 200, ["Location"] = "/v1/answers/1", ["Answer1"] = "a", ["Answer2"] = "b",
            ["Answer3"] = "c", ["Answer4"] = "d",
        },
        row => Assert.Equal(("k", 2, "abcd"), (row.WorkKey, row.Tries, row.Answer)));
}
