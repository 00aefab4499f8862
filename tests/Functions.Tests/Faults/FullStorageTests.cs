using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Azure;
using Azure.Core;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Faults;

/// <summary>
/// Storage has no room from some write of a request on: the request gets one error that says when to come back, and the same request
/// succeeds once there is room, with nothing left of the try before.
/// </summary>
public sealed class FullStorageTests(StorageFixture fixture)
{
    private static readonly string[] s_writes = ["PUT ", "POST ", "MERGE ", "PATCH "];

    private readonly StorageFaults _faults = new();
    private int _writes, _firstRefused = int.MaxValue;

    public static TheoryData<string, string> Requests
    {
        get
        {
            TheoryData<string, string> data = [];
            string[] failures = ["full", "failing", "dead"];
            string[] requests = ["file", "upload", "part", "complete", "batch", "answer", "training", "endpoint"];
            foreach (var (index, request) in requests.Index())
                data.Add(request, failures[index % failures.Length]);
            data.Add("file", "dead");
            data.Add("batch", "full");
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task A_request_gets_one_clear_error_and_is_done_once_when_there_is_room(string name, string failure)
    {
        await using var plane = await StartAsync();
        string training = (await plane.UploadAsync("""{"prompt":"a","completion":"b"}""" + "\n", "fine-tune"))["id"]!.GetValue<string>();
        _faults.Before = call => Refuses(call) ? throw FailureOf(failure) : Task.CompletedTask;

        int numRefused = 0;
        for (bool isRefused = true; isRefused; numRefused++)
        {
            var request = await PrepareAsync(plane, name, training);
            string key = $"key-{numRefused}";
            (_writes, _firstRefused) = (0, numRefused);
            using (var refused = await SendAsync(plane, request, key))
            {
                isRefused = !refused.IsSuccessStatusCode;
                if (isRefused)
                    await AssertUnavailableAsync(refused);
            }
            _firstRefused = int.MaxValue;
            plane.Time.Advance(TimeSpan.FromMinutes(1));
            using var done = await SendAsync(plane, request, key);
            Assert.True(done.IsSuccessStatusCode, await done.Content.ReadAsStringAsync());
        }

        Assert.InRange(numRefused, 3, 40);
        await AssertWholeAsync(plane, name, numRefused);
    }

    private bool Refuses(string call) =>
        s_writes.Any(verb => call.StartsWith(verb, StringComparison.Ordinal)) && Interlocked.Increment(ref _writes) > _firstRefused;

    private static Exception FailureOf(string name) => name switch
    {
        "full" => new RequestFailedException(507, "Injected"),
        "failing" => new RequestFailedException(500, "Injected"),
        _ => new IOException("Injected"),
    };

    private static async Task AssertUnavailableAsync(HttpResponseMessage refused)
    {
        string text = await refused.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal(5, refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds);
        Assert.Equal("storage_unavailable", JsonNode.Parse(text)!["error"]!["code"]!.GetValue<string>());
        Assert.DoesNotContain("Injected", text, StringComparison.Ordinal);
    }

    /// <summary>A request of a kind, and before it what it needs.</summary>
    private static async Task<(string Path, Func<HttpContent> Body)> PrepareAsync(ControlPlane plane, string name, string trainingFile)
    {
        switch (name)
        {
            case "file":
                return ("/v1/files", () => new MultipartFormDataContent
                {
                    { new StringContent("batch"), "purpose" },
                    { new ByteArrayContent(Encoding.UTF8.GetBytes(Lines(1))), "file", "a.jsonl" },
                });
            case "upload":
                return ("/v1/uploads", UploadBody);
            case "part":
                return ($"/v1/uploads/{await BegunAsync(plane)}/parts", PartBody);
            case "complete":
                string id = await BegunAsync(plane);
                using (var part = await plane.Client.PostAsync($"/v1/uploads/{id}/parts", PartBody()))
                {
                    string partId = (await ReadAsync(part))["id"]!.GetValue<string>();
                    return ($"/v1/uploads/{id}/complete", () => JsonContent.Create(new { part_ids = new[] { partId } }));
                }
            case "batch":
                return ("/v1/batches", () => JsonContent.Create(new
                {
                    endpoint = "/v1/infill",
                    completion_window = "24h",
                    requests = new[] { new { custom_id = "a", body = new { model = Model, text = "a [MASK:2] b" } } },
                }));
            case "answer":
                return ("/v1/infill", () => JsonContent.Create(new { model = Model, text = "a [MASK:2] b" }));
            case "training":
                return ("/v1/fine_tuning/jobs", () => JsonContent.Create(new { model = Model, training_file = trainingFile }));
            default:
                string url = $"https://example.com/{Guid.NewGuid():N}";
                return ("/v1/webhook_endpoints", () => JsonContent.Create(new { url }));
        }
    }

    private static JsonContent UploadBody() =>
        JsonContent.Create(new { purpose = "batch", filename = "a.jsonl", mime_type = "text/jsonl", bytes = 3 });

    private static MultipartFormDataContent PartBody() => new() { { new ByteArrayContent("abc"u8.ToArray()), "data", "part" } };

    private static async Task<string> BegunAsync(ControlPlane plane) =>
        (await ReadAsync(await plane.Client.PostAsync("/v1/uploads", UploadBody())))["id"]!.GetValue<string>();

    private static async Task<HttpResponseMessage> SendAsync(
        ControlPlane plane, (string Path, Func<HttpContent> Body) request, string key)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, request.Path) { Content = request.Body() };
        message.Headers.Add("Idempotency-Key", key);
        message.Headers.Add("Prefer", "wait=0, respond-async");
        return await plane.Client.SendAsync(message);
    }

    /// <summary>There is one object for each request, and no bytes, rows or jobs beside them.</summary>
    private static async Task AssertWholeAsync(ControlPlane plane, string name, int count)
    {
        var cancellation = CancellationToken.None;
        async Task<int> CountAsync(string path) =>
            (await ReadAsync(await plane.Client.GetAsync($"{path}?limit=100")))["data"]!.AsArray().Count;
        int files = await CountAsync("/v1/files");
        Assert.Equal(files, await plane.Storage.Container(StorageNames.FilesContainer).GetBlobsAsync().CountAsync());
        Assert.Equal(1 + (name is "file" or "complete" or "batch" ? count : 0), files);
        Assert.Equal(name == "batch" ? count : 0, await CountAsync("/v1/batches"));
        Assert.Equal(name == "training" ? count : 0, await CountAsync("/v1/fine_tuning/jobs"));
        Assert.Equal(name == "endpoint" ? count : 0, await CountAsync("/v1/webhook_endpoints"));
        Assert.Equal(name == "answer" ? count : 0, await plane.Batches.OpenAnswers.ListJobsAsync(Tenant, cancellation).CountAsync());
        await foreach (var open in plane.Batches.Open.ListAsync(Tenant, cancellation))
            Assert.NotNull(await plane.Batches.Open.FindJobAsync(open, cancellation));
        var jobs = plane.Get<FineTuningStore>();
        await foreach (var open in jobs.Open.ListAsync(Tenant, cancellation))
            Assert.NotNull(await jobs.Open.FindJobAsync(open, cancellation));
    }

    /// <summary>Nothing is retried by the client of storage.</summary>
    private Task<ControlPlane> StartAsync() => ControlPlane.StartAsync(
        fixture,
        services => services.AddSingleton(provider => _faults.Account(
            provider.GetRequiredService<IConfiguration>()["Storage:ConnectionString"]!, HttpPipelinePosition.PerCall)),
        ("Limits:MaxActiveAnswers", "100"), ("Limits:MaxActiveTrainings", "100"), ("Limits:MaxRequestsPerSecond", "1000"));
}
