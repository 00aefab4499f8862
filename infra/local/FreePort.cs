using System.Net;
using System.Net.Sockets;

namespace LLaDA.Batch.Local;

/// <summary>Ports of this machine.</summary>
internal static class FreePort
{
    public static int Find()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <exception cref="StackException">Something listens there already.</exception>
    public static void Require(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
        }
        catch (SocketException)
        {
            throw new StackException($"Port {port} is in use: stop what listens there, or choose another one with --port");
        }
    }
}
