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

    /// <exception cref="StackException">It is none, or something listens there already.</exception>
    public static void Require(int port)
    {
        if (port is < 0 or > IPEndPoint.MaxPort)
            throw new StackException($"--port is {port}; it must lie in [0, {IPEndPoint.MaxPort}]");
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
