using System.Net;
using System.Net.Sockets;

namespace LLaDA.Batch.Local;

/// <summary>TCP ports of this machine.</summary>
internal static class FreePort
{
    /// <summary>
    /// The ports to choose from: the system gives those above them to connections of any program, which would take one before the process
    /// that it is meant for listens there.
    /// </summary>
    private const int First = 20_000, Last = 32_767;

    private const int NumTries = 100;

    public static int Find()
    {
        int chosen = Enumerable.Range(0, NumTries).Select(_ => Random.Shared.Next(First, Last + 1)).FirstOrDefault(IsFree);
        if (chosen != 0)
            return chosen;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <returns>The port, or 0 for a free one where it is in use.</returns>
    public static int Prefer(int port) => IsFree(port) ? port : 0;

    /// <param name="port">0 is always free.</param>
    /// <exception cref="StackException">The port is invalid or already in use.</exception>
    public static void Require(int port)
    {
        if (port is < 0 or > IPEndPoint.MaxPort)
            throw new StackException($"--port is {port}; it must lie in [0, {IPEndPoint.MaxPort}]");
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AccessDenied)
        {
            throw new StackException($"Port {port} needs privileges that this user lacks: choose one above 1023 with --port");
        }
        catch (SocketException)
        {
            throw new StackException($"Port {port} is in use: stop the program that listens there, or choose another one with --port");
        }
    }

    private static bool IsFree(int port)
    {
        try
        {
            Require(port);
            return true;
        }
        catch (StackException)
        {
            return false;
        }
    }
}
