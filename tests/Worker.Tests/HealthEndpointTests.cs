using System.Net;
using System.Net.Sockets;

namespace LLaDA.Batch.Worker.Tests;

public sealed class HealthEndpointTests
{
    [Fact]
    public async Task It_answers_probes_and_nothing_else_until_the_worker_stops()
    {
        int port = FreePort();
        using var endpoint = new HealthEndpoint(new WorkerOptions { HealthPort = port });
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        await endpoint.StartAsync(CancellationToken.None);

        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/healthz")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/v1/models")).StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await client.GetAsync("/readyz")).StatusCode);
        endpoint.SetReady();
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/readyz")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await client.PostAsync("/healthz", content: null)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/healthz")).StatusCode);

        await endpoint.StopAsync(CancellationToken.None);
        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync("/healthz"));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
