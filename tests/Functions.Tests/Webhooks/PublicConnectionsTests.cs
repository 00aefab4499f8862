using System.Net;
using System.Net.Sockets;
using LLaDA.Batch.Functions.Webhooks;

namespace LLaDA.Batch.Functions.Tests.Webhooks;

/// <summary>A name whose owner gives it a public address first and one of the inside afterwards.</summary>
public sealed class PublicConnectionsTests
{
    private static readonly IPAddress s_public = IPAddress.Parse("93.184.215.14"), s_inside = IPAddress.Parse("169.254.169.254");

    private readonly List<IPAddress[]> _connected = [];

    [Fact]
    public async Task The_checked_address_is_the_one_connected_to_and_the_name_is_not_asked_again()
    {
        await using var receiver = await Receiver.StartAsync();
        var answers = new Queue<IPAddress[]>([[s_public], [s_inside]]);
        using var client = Client(answers, receiver);

        await client.PostAsync(new Uri("http://rebound.example/hook"), WebhookSignature.NewSecret(), Event(), Now, CancellationToken.None);

        Assert.Single(receiver.Received);
        Assert.Equal([[s_public]], _connected);
        Assert.Single(answers);
    }

    [Fact]
    public async Task A_further_connection_is_checked_again_and_none_of_its_addresses_may_be_of_the_inside()
    {
        await using var receiver = await Receiver.StartAsync();
        foreach (IPAddress[] second in new[] { [s_inside], [s_public, s_inside], Array.Empty<IPAddress>() })
        {
            _connected.Clear();
            using var client = Client(new Queue<IPAddress[]>([[s_public], second]), receiver);
            Task<HttpStatusCode> PostAsync(string host) => client.PostAsync(
                new Uri($"http://{host}/hook"), WebhookSignature.NewSecret(), Event(), Now, CancellationToken.None);
            await PostAsync("rebound.example");

            await Assert.ThrowsAsync<HttpRequestException>(() => PostAsync("rebound.example:81"));

            Assert.Equal([[s_public]], _connected);
        }
    }

    private static DateTimeOffset Now => DateTimeOffset.UnixEpoch;

    /// <summary>A client whose connections all lead to a receiver.</summary>
    private WebhookClient Client(Queue<IPAddress[]> answers, Receiver receiver) => new(
        new WebhookOptions { TriesPerAttempt = 1 },
        new PublicConnections((_, _) => Task.FromResult(answers.Dequeue()), async (addresses, _, cancellation) =>
        {
            _connected.Add(addresses);
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Loopback, new Uri(receiver.Url).Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }));

    private static WebhookEvent Event() =>
        new() { Id = "evt_1", Type = "batch.completed", CreatedAt = 0, Data = new WebhookEventData("batch_1") };
}
