using System.Net;
using System.Net.Sockets;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>
/// Separates addresses of the public internet from those of this machine, its network and its cloud (IANA's registries of
/// special-purpose addresses).
/// </summary>
internal static class PublicAddresses
{
    private static readonly IPNetwork s_globalUnicast = IPNetwork.Parse("2000::/3");

    private static readonly IPNetwork[] s_special =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
            "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "168.63.129.16/32",     // the platform's own services in Azure
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", // tunnels, which lead to any IPv4 address, and documentation
        }.Select(network => IPNetwork.Parse(network)),
    ];

    public static bool Contains(IPAddress address)
    {
        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        bool isUnicast = address.AddressFamily == AddressFamily.InterNetwork || s_globalUnicast.Contains(address);
        return isUnicast && !s_special.Any(network => network.Contains(address));
    }
}
