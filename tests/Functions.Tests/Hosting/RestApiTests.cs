using System.Net;
using System.Net.Http.Headers;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Hosting;

[Collection("Spans")]     // a listener hears all requests of the process
public sealed class RestApiTests(StorageFixture fixture)
{
    [Theory]
    [InlineData("/v1/models")]
    [InlineData("/v1/files/file-7720b6845cceffba14408ff7481c")]
    [InlineData("/v1/batches")]
    [InlineData("/v1/nothing")]
    [InlineData("/openai/v1/models")]
    public async Task Without_a_key_every_path_gives_the_same_refusal(string path)
    {
        await using var plane = await StartAsync(fixture);
        using var client = plane.NewClientWithoutKey();
        string expected = await BodyAsync(await client.GetAsync("/v1/other"));
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "llada-wrong");

        using var response = await client.GetAsync(path);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal(expected, await BodyAsync(response));
        Assert.Contains("invalid_api_key", expected, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/models")]
    [InlineData("/openai/v1/models")]
    public async Task The_key_may_be_sent_in_either_header_and_under_either_path(string path)
    {
        await using var plane = await StartAsync(fixture);
        using var client = plane.NewClientWithoutKey();
        client.DefaultRequestHeaders.Add("api-key", plane.Client.DefaultRequestHeaders.Authorization!.Parameter);

        var models = await ReadAsync(await client.GetAsync(path));

        Assert.Equal(Model, models["data"]![0]!["id"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("/v1/models/org/model:1")]
    [InlineData("/v1/models/org%2Fmodel:1")]
    public async Task A_model_is_found_by_an_id_with_slashes_and_colons(string path)
    {
        await using var plane = await StartAsync(fixture);

        Assert.Equal(Model, (await ReadAsync(await plane.Client.GetAsync(path)))["id"]!.GetValue<string>());
    }

    [Fact]
    public async Task What_does_not_exist_is_told_in_OpenAIs_envelope()
    {
        await using var plane = await StartAsync(fixture);

        await AssertErrorAsync(await plane.Client.GetAsync("/v1/models/none"), HttpStatusCode.NotFound, null);
        await AssertErrorAsync(await plane.Client.GetAsync("/v1/nothing"), HttpStatusCode.NotFound, null);
    }

    [Fact]
    public async Task A_method_that_is_not_offered_and_a_compressed_body_are_told_in_OpenAIs_envelope()
    {
        await using var plane = await StartAsync(fixture);
        using var bomb = new ByteArrayContent([0x1f, 0x8b]) { Headers = { ContentEncoding = { "gzip" } } };

        await AssertErrorAsync(await plane.Client.PutAsync("/v1/batches", null), HttpStatusCode.MethodNotAllowed, null);
        await AssertErrorAsync(await plane.Client.PostAsync("/v1/batches", bomb), HttpStatusCode.UnsupportedMediaType, "content-encoding");
    }

    [Fact]
    public async Task A_revoked_key_is_refused_at_the_next_request()
    {
        await using var plane = await StartAsync(fixture);
        using var client = await plane.NewClientAsync(Tenant);
        (await client.GetAsync("/v1/models")).EnsureSuccessStatusCode();
        string key = client.DefaultRequestHeaders.Authorization!.Parameter!;

        await plane.Get<ApiKeys>().RevokeAsync(key.Split('-')[1], CancellationToken.None);

        await AssertErrorAsync(await client.GetAsync("/v1/models"), HttpStatusCode.Unauthorized, null);
    }

    [Theory]
    [InlineData("/v1/models", 200)]
    [InlineData("/v1/files/none", 404)]
    [InlineData("/nothing", 404)]
    [InlineData("/healthz", 200)]
    [InlineData("/readyz", 200)]
    [InlineData("/openapi/v1.json", 200)]
    [InlineData("/v1/models?unauthorized", 401)]
    [InlineData("/v1/batches", 500)]
    public async Task Every_answer_has_a_request_id_of_its_own_which_the_logs_and_the_trace_know(string path, int status)
    {
        using var telemetry = new RecordedTelemetry("Microsoft.AspNetCore");
        var log = new RecordingLog();
        await using var plane = await StartAsync(
            fixture, services =>
                services.AddLogging(logging => logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Trace)),
                ("Logging:LogLevel:Default", "Trace"));
        if (status == 500)
            await plane.Storage.Table(StorageNames.BatchesTable).DeleteAsync(TestContext.Current.CancellationToken);
        using var client = status == 401 ? plane.NewClientWithoutKey() : plane.Client;
        using var trace = telemetry.BeginRequest();
        client.DefaultRequestHeaders.Add("traceparent", trace.Id);
        trace.Stop();

        using var first = await client.GetAsync(path, TestContext.Current.CancellationToken);
        using var second = await client.GetAsync(path, TestContext.Current.CancellationToken);

        Assert.Equal("nosniff", first.Headers.GetValues("X-Content-Type-Options").Single());
        string id = first.Headers.GetValues("x-request-id").Single();
        Assert.Equal(status, (int)first.StatusCode);
        Assert.NotEqual(id, second.Headers.GetValues("x-request-id").Single());
        Assert.Contains(log.Scopes, scope => scope == id);
        Assert.Contains(telemetry.SpansOf(trace.TraceId), span => (string?)span.GetTagItem(Telemetry.RequestId) == id);
    }

    [Fact]
    public async Task Health_needs_no_key()
    {
        await using var plane = await StartAsync(fixture);
        using var client = plane.NewClientWithoutKey();

        Assert.Equal("ok", await client.GetStringAsync("/healthz"));
    }

    private static async Task<string> BodyAsync(HttpResponseMessage response) => await response.Content.ReadAsStringAsync();
}
