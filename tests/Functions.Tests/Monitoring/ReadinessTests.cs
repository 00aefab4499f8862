using System.Net;
using System.Text.Json.Nodes;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Functions.Monitoring;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.DependencyInjection;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Monitoring;

public sealed class ReadinessTests(StorageFixture fixture)
{
    [Fact]
    public async Task It_is_ready_when_storage_answers_and_needs_no_key()
    {
        await using var plane = await StartAsync(fixture);
        using var client = plane.NewClientWithoutKey();

        var answer = await ReadAsync(await client.GetAsync("/readyz"));

        Assert.Equal("""{"status":"ready","storage":{"blobs":true,"queues":true,"tables":true}}""", answer.ToJsonString());
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public async Task What_of_storage_fails_or_stays_silent_is_told_in_a_bounded_time_and_forgotten_once_it_answers(bool isSilent, bool isQueues)
    {
        var transport = new BrokenTransport(isSilent, url => url.AbsolutePath.Split('/')[^1] == (isQueues ? StorageNames.PlanQueue : StorageNames.FilesContainer));
        string connection = fixture.NewConnectionString();
        var storage = new StorageAccount(new StorageOptions { ConnectionString = connection }, options => (options.Transport, options.Retry.MaxRetries) = (transport, 0));
        await using var plane = await StartAsync(fixture, services => services.AddSingleton(storage));
        using var client = plane.NewClientWithoutKey();

        transport.IsBroken = true;
        var asking = client.GetAsync("/readyz");
        if (isSilent)
        {
            await transport.Asked;
            plane.Time.Advance(Readiness.Limit);
        }
        using var response = await asking;

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Single(response.Headers.GetValues("x-request-id"));
        var said = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
        Assert.Equal("not_ready", said["status"]!.GetValue<string>());
        Assert.False(said["storage"]![isQueues ? "queues" : "blobs"]!.GetValue<bool>());
        if (!isSilent)      // time was moved while the others may still have been asked
            Assert.True(said["storage"]!["queues"]!.GetValue<bool>() && said["storage"]!["tables"]!.GetValue<bool>());
        transport.IsBroken = false;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await client.GetAsync("/readyz", TestContext.Current.CancellationToken)).StatusCode);   // kept for a moment
        plane.Time.Advance(Readiness.Kept + TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/readyz", TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal("ok", await client.GetStringAsync("/healthz", TestContext.Current.CancellationToken));
    }

    /// <summary>Passes calls on to storage, except for some once it is broken.</summary>
    private sealed class BrokenTransport(bool isSilent, Func<Uri, bool> concerns) : HttpPipelineTransport
    {
        private static readonly HttpClientTransport s_storage = new();
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsBroken { get; set; }

        /// <summary>Ends when a call has come that is not answered.</summary>
        public Task Asked => _asked.Task;

        public override Request CreateRequest() => s_storage.CreateRequest();

        public override void Process(HttpMessage message) => throw new NotSupportedException("All calls are asynchronous");

        public override async ValueTask ProcessAsync(HttpMessage message)
        {
            if (IsBroken && concerns(message.Request.Uri.ToUri()))
            {
                _asked.TrySetResult();
                if (isSilent)
                    await Task.Delay(Timeout.Infinite, message.CancellationToken);
                throw new HttpRequestException("Nobody is there");
            }
            await s_storage.ProcessAsync(message);
        }
    }
}
