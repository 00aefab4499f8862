using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.Benchmarks.Fairness;

/// <summary>Attacks on the time of the functions: plans, deliveries of webhooks, and the queue of trainings.</summary>
internal static class FunctionsAttacks
{
    private const string Score = "/v1/score";
    private const int NumBatches = 5, NumLines = 10_000, NumEndpoints = 20, NumFailing = 10;

    /// <summary>How long batches are planned at most before they are cancelled, and others take their place.</summary>
    private static readonly TimeSpan s_untilCancelled = TimeSpan.FromSeconds(100);

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    /// <summary>Batches of many lines that each take more than a minute, cancelled while they are planned, one after another.</summary>
    public static Attack Plans { get; } = new(
        "5 batches of 10,000 costly lines, cancelled", "plans", async (client, stop) =>
        {
            string file = await client.UploadRequestsAsync(Score, NumLines, line => new JsonObject
            {
                ["prompt"] = $"And God said to the {line}. of them",
                ["completions"] = new JsonArray("Go forth into the land", "Go forth into the sea"),
                ["num_samples"] = 65_536,
            }, stop);
            var round = new Round(client, file);
            await round.StartAsync(stop);
            _ = RepeatAsync(round, stop);
            return round.CountAsync;
        });

    /// <summary>Endpoints that take a connection and never answer, and batches that fail at once.</summary>
    public static Attack Webhooks { get; } = new("20 endpoints that never answer, 10 batches", "deliveries", async (client, stop) =>
    {
        List<Func<int>> counts = [];
        for (int number = 0; number < NumEndpoints; number++)
        {
            var (url, countConnections) = ListenInSilence();
            counts.Add(countConnections);
            await client.PostAsync("/v1/webhook_endpoints", new { url }, stop);
        }
        string file = await client.UploadAsync("batch", [new { custom_id = "a line without a url" }], stop);
        for (int number = 0; number < NumFailing; number++)
            await client.CreateBatchAsync(file, Score, stop);
        return _ => Task.FromResult(counts.Sum(count => (double)count()));
    });

    /// <summary>Cancels all batches once they are planned, and creates them again, until the benchmark ends the stack.</summary>
    private static async Task RepeatAsync(Round round, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                for (var waited = TimeSpan.Zero; waited < s_untilCancelled && !await round.IsPlannedAsync(stop); waited += s_interval)
                    await Task.Delay(s_interval, stop);
                await round.CancelAsync(stop);
                await round.StartAsync(stop);
            }
        }
        catch (Exception)
        {
            // The stack has ended.
        }
    }

    /// <summary>Accepts connections and answers none, as long as this process lives.</summary>
    private static (string Url, Func<int> CountConnections) ListenInSilence()
    {
        var listener = new TcpListener(IPAddress.Loopback, port: 0);
        listener.Start();
        List<TcpClient> clients = [];
        _ = AcceptAsync();
        return ($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}", () => clients.Count);

        async Task AcceptAsync()
        {
            while (true)
                clients.Add(await listener.AcceptTcpClientAsync());
        }
    }

    /// <summary>The batches of one round.</summary>
    private sealed class Round(TenantClient client, string file)
    {
        private List<string> _ids = [];
        private int _planned;

        public async Task StartAsync(CancellationToken stop)
        {
            List<string> ids = [];
            for (int number = 0; number < NumBatches; number++)
                ids.Add(await client.CreateBatchAsync(file, Score, stop));
            _ids = ids;
        }

        public async Task CancelAsync(CancellationToken stop)
        {
            _planned = (int)await CountAsync(stop);
            foreach (string id in _ids)
                await client.PostAsync($"/v1/batches/{id}/cancel", new { }, stop);
            _ids = [];
        }

        public async Task<bool> IsPlannedAsync(CancellationToken stop) => await CountAsync(stop) - _planned == _ids.Count;

        /// <summary>Plans that are done.</summary>
        public async Task<double> CountAsync(CancellationToken stop)
        {
            int planned = _planned;
            foreach (string id in _ids)
                planned += (await client.GetAsync($"/v1/batches/{id}", stop))["in_progress_at"] is null ? 0 : 1;
            return planned;
        }
    }
}
