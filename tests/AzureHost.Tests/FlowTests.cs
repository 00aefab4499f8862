using System.Net;
using System.Net.Sockets;
using System.Text;
using LLaDA.Batch.AzureHost.Tests.Alerts;
using LLaDA.Batch.AzureHost.Tests.Driver;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.AzureHost.Tests;

/// <summary>The published app, started and triggered as by the Azure Functions host.</summary>
public sealed class FlowTests(StorageFixture fixture, PublishedApp published)
{
    private static readonly TimeSpan s_soon = TimeSpan.FromMinutes(2);

    /// <summary>Thirty seconds without a heartbeat and thirty until the next sweep; the rest is for the planning itself.</summary>
    private static readonly TimeSpan s_rescue = TimeSpan.FromSeconds(75);

    [Fact]
    public async Task A_batch_runs_from_its_upload_to_its_output()
    {
        await using var app = await RunningApp.StartAsync(fixture, published);
        string input = RunningApp.Lines(3);
        var batch = await app.CreatedAsync(input);

        await app.WaitForAsync(batch, BatchStatus.InProgress, s_soon);
        await app.AnswerAsync(batch);
        await app.WaitForAsync(batch, BatchStatus.Completed, s_soon);

        var ended = await RunningApp.ReadAsync(await app.Client.GetAsync($"/v1/batches/{batch.Id}"));
        string output = await app.Client.GetStringAsync($"/openai/v1/files/{ended["output_file_id"]}/content");
        Assert.Equal("{\"custom_id\":\"id-1\"}\n{\"custom_id\":\"id-2\"}\n{\"custom_id\":\"id-3\"}\n", output);
        Assert.Equal(input, await app.Client.GetStringAsync($"/v1/files/{ended["input_file_id"]}/content"));
        await AssertHeadAsync(app, $"/v1/files/{ended["output_file_id"]}/content", output.Length);
        using var deleted = await app.Client.DeleteAsync($"/v1/files/{ended["output_file_id"]}");
        Assert.Equal(HttpStatusCode.OK, deleted.StatusCode);
        Assert.True(await app.Host.StopAsync(), "The worker did not stop");
    }

    [Fact]
    public async Task Routes_without_a_key_only_read()
    {
        await using var app = await RunningApp.StartAsync(fixture, published);
        app.Client.DefaultRequestHeaders.Authorization = null;

        await AssertHeadAsync(app, "/healthz", length: null);
        Assert.Equal("ok", await app.Client.GetStringAsync("/healthz"));
        Assert.Contains("/v1/files", await app.Client.GetStringAsync("/openapi/v1.json"), StringComparison.Ordinal);
        foreach (string route in (string[])["/healthz", "/readyz", "/openapi/v1.json"])
        {
            using var body = new ByteArrayContent(new byte[1 << 20]);
            using var refused = await app.Client.PostAsync(route, body);
            Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
        }
        using var unauthorized = await app.Client.GetAsync("/v1/files");
        Assert.Equal(HttpStatusCode.Unauthorized, unauthorized.StatusCode);
    }

    [Fact]
    public async Task An_upload_over_the_limit_is_refused_in_the_envelope()
    {
        await using var app = await RunningApp.StartAsync(fixture, published);
        long limit = new Functions.ServiceLimits { MaxRequestBytes = Deployed.Main.RequestBytes }.MaxUploadBytes;

        await app.UploadedAsync(Filled(limit));
        foreach (long size in (long[])[limit + 1, Deployed.Main.HostRequestBytes - 1000])
        {
            foreach (bool isChunked in (bool[])[false, true])
            {
                using var refused = await app.UploadAsync(Filled(size), isChunked);
                Assert.Equal(HttpStatusCode.RequestEntityTooLarge, refused.StatusCode);
                string answer = await refused.Content.ReadAsStringAsync();
                Assert.Contains($"A file may have at most {limit} bytes", answer, StringComparison.Ordinal);
            }
        }
        Assert.Single((await RunningApp.ReadAsync(await app.Client.GetAsync("/v1/files")))["data"]!.AsArray());
    }

    /// <summary>A poison queue whose trigger cannot read the text either hands it on to a queue without a trigger.</summary>
    [Fact]
    public async Task A_text_that_is_no_message_is_named_and_kept_for_an_operator()
    {
        await using var app = await RunningApp.StartAsync(fixture, published);

        foreach (string queue in (string[])[StorageNames.PlanQueue, StorageNames.WebhookQueue])
        {
            await app.Storage.Queue(queue).SendMessageAsync("hello, world");
            string poison = StorageNames.PoisonQueue(queue);
            string kept = queue == StorageNames.WebhookQueue ? poison : StorageNames.PoisonQueue(poison);
            await app.WaitAsync(
                async () => await app.CountAsync(kept) == 1 && await app.CountAsync(queue) == 0, $"{kept} is empty", s_soon);
            Assert.Equal("hello, world", (await app.Storage.Queue(kept).PeekMessageAsync()).Value.Body.ToString());
        }
        Assert.Equal(0, await app.CountAsync(StorageNames.PoisonQueue(StorageNames.PlanQueue)));
        Assert.Contains(
            app.Host.Log, entry => entry.Contains("hello, world", StringComparison.Ordinal) && Alert.Poison.MatchesTrace(entry));
        Assert.DoesNotContain(app.Host.Log, entry => entry.Contains("(Failed)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_plan_in_hand_at_a_kill_is_made_within_a_minute_of_the_restart()
    {
        await using var app = await RunningApp.StartAsync(fixture, published, except: "plan");
        var batch = await app.CreatedAsync(RunningApp.Lines(1));
        // As the killed host had taken it: invisible for ten minutes.
        Assert.Single((await app.Storage.Queue(StorageNames.PlanQueue).ReceiveMessagesAsync(1, TimeSpan.FromMinutes(10))).Value);

        await app.KillAndRestartAsync();

        await app.WaitForAsync(batch, BatchStatus.InProgress, s_rescue);
    }

    [Fact]
    public async Task Uploads_that_end_early_and_a_stop_raise_no_alert()
    {
        await using var app = await RunningApp.StartAsync(fixture, published);
        var address = app.Client.BaseAddress!;
        using (var client = new TcpClient(address.Host, address.Port))
        {
            string head = $"POST /v1/files HTTP/1.1\r\nHost: {address.Authority}\r\n"
                + $"Authorization: {app.Client.DefaultRequestHeaders.Authorization}\r\n"
                + "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n--b\r\n\r\n";
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head));
            await Task.Delay(TimeSpan.FromSeconds(1));
        }
        await Task.Delay(TimeSpan.FromSeconds(2));
        await app.Host.StopAsync();

        Assert.DoesNotContain(app.Host.Exceptions, exception => Alert.Failures.MatchesException(exception));
    }

    private static byte[] Filled(long size)
    {
        byte[] content = new byte[size];
        Array.Fill(content, (byte)'x');
        return content;
    }

    private static async Task AssertHeadAsync(RunningApp app, string route, long? length)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, route);
        using var answer = await app.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
        if (length is not null)
            Assert.Equal(length, answer.Content.Headers.ContentLength);
    }
}
