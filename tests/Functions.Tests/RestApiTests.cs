using System.Net;
using System.Net.Http.Headers;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Tests;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests;

public sealed class RestApiTests(StorageFixture fixture)
{
    [Theory]
    [InlineData("/v1/models")]
    [InlineData("/v1/files/file-7720b6845cceffba14408ff7481c")]
    [InlineData("/v1/batches")]
    [InlineData("/v1/nothing")]
    [InlineData("/openai/v1/models")]
    [InlineData("/")]
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

    [Fact]
    public async Task Every_answer_has_a_request_id_of_its_own()
    {
        await using var plane = await StartAsync(fixture);
        List<string> ids = [];
        foreach (string path in new[] { "/v1/models", "/v1/files/none", "/healthz" })
            ids.Add((await plane.Client.GetAsync(path)).Headers.GetValues("x-request-id").Single());

        Assert.Equal(3, ids.Distinct().Count());
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
