using System.Net;
using System.Net.Sockets;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>
/// Connects to a host if all of its addresses are public. The checked addresses are the ones connected to, so a name cannot resolve to
/// others in between.
/// </summary>
/// <param name="resolve">The addresses of a name.</param>
/// <param name="connect">Connects to one of some addresses.</param>
internal sealed class PublicConnections(
    Func<string, CancellationToken, Task<IPAddress[]>> resolve,
    Func<IPAddress[], int, CancellationToken, ValueTask<Stream>> connect)
{
    public static PublicConnections Default { get; } = new(Dns.GetHostAddressesAsync, ConnectAsync);

    /// <exception cref="HttpRequestException">The host has an address that is not public, or none.</exception>
    public async ValueTask<Stream> OpenAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var addresses = await resolve(context.DnsEndPoint.Host, cancellation);
        if (addresses.Length == 0 || !addresses.All(PublicAddresses.Contains))
            throw new HttpRequestException(HttpRequestError.ConnectionError, "The host has an address that is not public");
        return await connect(addresses, context.DnsEndPoint.Port, cancellation);
    }

    private static async ValueTask<Stream> ConnectAsync(IPAddress[] addresses, int port, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
