using LLaDA.Batch.Local;

namespace LLaDA.Batch.Infra.Tests.Local;

public sealed class FreePortTests
{
    private const int NumPorts = 50, FirstOfConnections = 32_768;

    [Fact]
    public void A_found_port_is_free_and_none_that_a_system_gives_to_connections()
    {
        int[] ports = [.. Enumerable.Range(0, NumPorts).Select(_ => FreePort.Find())];

        Assert.All(ports, FreePort.Require);
        Assert.All(ports, port => Assert.InRange(port, 1_024, FirstOfConnections - 1));
    }
}
