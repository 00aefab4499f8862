using System.Net;
using System.Net.Http.Headers;
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
    public async Task Health_needs_no_key()
    {
        await using var plane = await StartAsync(fixture);
        using var client = plane.NewClientWithoutKey();

        Assert.Equal("ok", await client.GetStringAsync("/healthz"));
    }

    private static async Task<string> BodyAsync(HttpResponseMessage response) => await response.Content.ReadAsStringAsync();
}
