using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Batches.Checks;
using LLaDA.Batch.Functions.Batches.Lines;
using LLaDA.Batch.Functions.Files;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Models;
using LLaDA.Batch.Functions.Monitoring;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Functions.Tests.Schedules;
using LLaDA.Batch.Functions.Uploads;
using LLaDA.Batch.Functions.Usage;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Wire;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Http;

/// <summary>The description of the REST API says what the API does.</summary>
public sealed partial class ApiDescriptionTests(StorageFixture fixture)
{
    public static TheoryData<string, Type> Answers => new()
    {
        { "File", typeof(FileObject) }, { "Deleted", typeof(DeletedObject) },
            { "FileList", typeof(ListPage<FileObject>) }, { "Batch", typeof(BatchObject) }, { "RequestCounts", typeof(RequestCounts) },
        { "Answer", typeof(AnswerObject) }, { "BatchUsage", typeof(BatchUsage) }, { "BatchPart", typeof(BatchPartObject) },
            { "Model", typeof(ModelObject) }, { "FineTuningJob", typeof(FineTuningJobObject) },
        { "FineTuningError", typeof(FineTuningError) }, { "FineTuningEvent", typeof(FineTuningEventObject) },
            { "Checkpoint", typeof(CheckpointObject) }, { "CheckpointMetrics", typeof(CheckpointMetrics) },
        { "Schedule", typeof(ScheduleObject) }, { "ScheduleRun", typeof(ScheduleRunObject) },
            { "TrainingData", typeof(TrainingDataFolder) }, { "WebhookEndpoint", typeof(WebhookEndpointObject) },
        { "WebhookDelivery", typeof(WebhookDeliveryObject) }, { "BatchWebhook", typeof(BatchWebhookObject) },
        { "BatchProgress", typeof(BatchProgress) }, { "BatchResult", typeof(BatchResultObject) }, { "LineRetry", typeof(LineRetryObject) },
        { "BatchCheck", typeof(BatchCheckObject) }, { "BatchEstimate", typeof(BatchEstimate) }, { "BatchCost", typeof(BatchCost) },
        { "Upload", typeof(UploadObject) }, { "UploadPart", typeof(UploadPartObject) },
        { "Usage", typeof(UsageObject) }, { "UsageBucket", typeof(UsageBucket) }, { "UsageResult", typeof(UsageResult) },
        { "Readiness", typeof(ReadinessObject) }, { "Error", typeof(ApiErrorBody) }, { "ApiError", typeof(ApiError) },
    };

    [Fact]
    public async Task Every_route_with_its_methods_is_described_and_nothing_else()
    {
        await using var plane = await StartAsync(fixture);
        // The page and the page of the API are no part of it.
        var endpoints = plane.Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is null);
        var routes = endpoints.SelectMany(endpoint =>
            endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods
                .Select(method => $"{method} {Constraint().Replace("/" + endpoint.RoutePattern.RawText!.TrimStart('/'), "{${name}}")}"));

        var described = Document["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject().Select(operation => $"{operation.Key.ToUpperInvariant()} {path.Key}"));

        Assert.Equal(routes.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task It_is_valid_OpenAPI_and_needs_no_key()
    {
        await using var plane = await StartAsync(fixture);
        using var client = plane.NewClientWithoutKey();
        string json = await client.GetStringAsync("/openapi/v1.json", TestContext.Current.CancellationToken);

        var (document, diagnostic) = OpenApiDocument.Parse(json, "json");

        Assert.True(JsonNode.DeepEquals(Document, JsonNode.Parse(json)));
        Assert.Empty(diagnostic!.Errors);
        Assert.Empty(diagnostic.Warnings);
        Assert.Equal(OpenApiSpecVersion.OpenApi3_1, diagnostic.SpecificationVersion);
        string[] ids = [.. document!.Paths.SelectMany(path => path.Value.Operations!.Values).Select(operation => operation.OperationId!)];
        Assert.Equal(ids.Distinct(), ids);
        var schemas = JsonNode.Parse(json)!["components"]!["schemas"]!.AsObject().Select(schema => schema.Key);
        Assert.All(Reference().Matches(json).Select(match => match.Groups["name"].Value), name => Assert.Contains(name, schemas));
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public void An_answer_has_the_properties_that_are_described(string name, Type type)
    {
        var schema = Document["components"]!["schemas"]![name]!;

        var properties = WireJson.Options.GetTypeInfo(type).Properties.Where(property => !property.IsExtensionData).ToList();

        Assert.Equal(
            properties.Select(property => property.Name).Order(StringComparer.Ordinal), Names(schema["properties"]!)
            .Order(StringComparer.Ordinal));
        Assert.All(properties, property =>
        {
            var described = schema["properties"]![property.Name]!;
            if ((Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) is { IsEnum: true } values)
                Assert.Equal(
                    Enum.GetNames(values).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName), described["enum"]!.AsArray()
                    .Select(value => value!.GetValue<string>()));
            if (Nullable.GetUnderlyingType(property.PropertyType) is not null && described["type"] is { } kind)
                Assert.Contains("null", kind.AsArray().Select(value => value!.GetValue<string>()));
        });
    }

    [Fact]
    public void A_job_reads_the_properties_that_are_described()
    {
        var body = JsonBody.Read(JsonElement.Parse("""{"model":"m","training_file":"f"}"""));

        NewFineTuningJob.Read(body);

        AssertDescribed("FineTuningJobRequest", body.Names);
    }

    [Fact]
    public void A_retry_reads_the_properties_that_are_described()
    {
        var body = JsonBody.Read(JsonElement.Parse("{}"));

        RetryRequest.Read(body, new BatchWebhooks(new SecretBox(new SecretOptions()), new WebhookOptions()));

        AssertDescribed("RetryRequest", body.Names);
    }

    [Theory]
    [InlineData("ScheduleRequest")]
    [InlineData("ScheduleChange")]
    public async Task A_schedule_reads_the_properties_that_are_described(string name)
    {
        await using var plane = await Scheduling.StartedAsync(fixture);
        var body = JsonBody.Read(JsonSerializer.SerializeToElement(Scheduling.Body()));

        await ScheduleDefinition.ReadAsync(body, Tenant, plane.Get<BlobFolders>(), plane.Time.GetUtcNow(), CancellationToken.None);

        AssertDescribed(name, body.Names);
    }

    [Theory]
    [InlineData("/v1/batches")]
    [InlineData("/v1/fine_tuning/jobs")]
    [InlineData("/v1/schedules")]
    [InlineData("/v1/webhook_endpoints")]
    public async Task A_property_that_is_not_described_is_refused_by_name(string path)
    {
        await using var plane = await Scheduling.StartedAsync(fixture);
        var body = path switch
        {
            "/v1/batches" => JsonNode.Parse("""{"endpoint":"/v1/infill","completion_window":"24h","input_file_id":"file-1"}""")!.AsObject(),
            "/v1/fine_tuning/jobs" => JsonNode.Parse("""{"model":"m","training_file":"file-1"}""")!.AsObject(),
            "/v1/schedules" => Scheduling.Body(),
            _ => JsonNode.Parse("""{"url":"https://example.com"}""")!.AsObject(),
        };
        body["nothing"] = null;
        body["unheard_of"] = 1;

        using var response = await plane.Client.PostAsJsonAsync(path, body, TestContext.Current.CancellationToken);

        var error = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["error"]!;
        Assert.Equal(("unheard_of", "unknown_parameter"), (error["param"]!.GetValue<string>(), error["code"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("BatchRequest", "/v1/batches", """{"endpoint":"/v1/infill","completion_window":"24h"}""")]
    [InlineData("WebhookEndpointRequest", "/v1/webhook_endpoints", """{"url":"https://example.com"}""")]
    public async Task Every_property_of_a_body_that_is_described_is_read(string name, string path, string others)
    {
        await using var plane = await StartAsync(fixture);
        foreach (string property in Names(Document["components"]!["schemas"]![name]!["properties"]!))
        {
            var body = JsonNode.Parse(others)!.AsObject();
            body[property] = 1;
            using var content = new StringContent(body.ToJsonString());
            using var response = await plane.Client.PostAsync(path, content, TestContext.Current.CancellationToken);

            var error = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["error"]!;
            Assert.Equal((400, property), ((int)response.StatusCode, error["param"]!.GetValue<string>()));
        }
    }

    private static void AssertDescribed(string schema, IEnumerable<string> names) => Assert.Equal(
        Names(Document["components"]!["schemas"]![schema]!["properties"]!)
            .Order(StringComparer.Ordinal), names.Order(StringComparer.Ordinal));

    /// <summary>As it is served; a test compares.</summary>
    private static JsonNode Document => JsonNode.Parse(typeof(RestApi).Assembly.GetManifestResourceStream("openapi.json")!)!;

    private static IEnumerable<string> Names(JsonNode properties) => properties.AsObject().Select(property => property.Key);

    [GeneratedRegex(@"\{\*{0,2}(?<name>\w+)(:\w+)?\}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Constraint();

    [GeneratedRegex("\"#/components/schemas/(?<name>\\w+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Reference();
}
