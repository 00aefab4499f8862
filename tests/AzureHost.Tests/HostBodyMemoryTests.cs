using System.Runtime.CompilerServices;
using System.Text;
using LLaDA.Batch.AzureHost.Tests.Driver;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace LLaDA.Batch.AzureHost.Tests;

/// <summary>
/// What bodies cost the host at most. It reads a body of declared length into a string, parses the string when it looks like JSON, and
/// writes the result into the message to the worker.
/// </summary>
public sealed class HostBodyMemoryTests
{
    /// <summary>Of an instance; the other half is for the host itself, the worker and the system.</summary>
    private const double BodiesShare = 0.5;

    /// <summary>What Kestrel reads ahead of a request that waits.</summary>
    private const long WaitingBytes = 1 << 20;

    private const int SampleBytes = 1 << 20;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void All_bodies_at_once_fit_half_an_instance(bool isProduction)
    {
        var (deployed, host) = (isProduction ? Deployed.Production : Deployed.Main, HostSettings.Read());
        string[] units = ["{\"\":{}},", "{\"\":0},", "{},", "[],", "0,"];
        double bytesPerByte = units.Max(LiveBytesPerByte);

        double bytes = host.MaxConcurrentRequests * deployed.HostRequestBytes * bytesPerByte + host.MaxOutstandingRequests * WaitingBytes;

        TestContext.Current.TestOutputHelper?.WriteLine($"{bytesPerByte:F1} bytes a byte, {bytes / (1 << 20):F0} MiB in all");
        Assert.InRange(bytesPerByte, 50, 150);
        Assert.InRange(bytes, 1, BodiesShare * deployed.InstanceBytes);
    }

    /// <summary>The host takes no more requests at once than the platform sends to an instance before it starts another one.</summary>
    [Fact]
    public void The_platform_scales_by_what_the_host_takes_at_once() =>
        Assert.Equal(HostSettings.Read().MaxConcurrentRequests, Deployed.Main.RequestsPerInstance);

    [Theory]
    [InlineData(false, 3 << 20)]
    [InlineData(true, 7 << 20)]
    public void The_API_refuses_before_the_host_does(bool isProduction, long fileBytes)
    {
        var deployed = isProduction ? Deployed.Production : Deployed.Main;

        Assert.InRange(deployed.RequestBytes, 1, deployed.HostRequestBytes - (512 << 10));
        Assert.Equal(fileBytes, new Functions.ServiceLimits { MaxRequestBytes = deployed.RequestBytes }.MaxUploadBytes);
    }

    /// <summary>Memory that a body of many small values holds, for each of its bytes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double LiveBytesPerByte(string unit)
    {
        string units = string.Concat(Enumerable.Repeat(unit, SampleBytes / unit.Length));
        byte[] body = Encoding.UTF8.GetBytes($$$"""{"a":{"b":[{{{units}}}0]}}""");
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var held = Read(body);
        long live = GC.GetTotalMemory(forceFullCollection: true) - before;
        GC.KeepAlive(held);
        GC.KeepAlive(body);
        return live / (double)body.Length;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static object Read(byte[] body)
    {
        using var reader = new StreamReader(new MemoryStream(body));
        string text = reader.ReadToEnd();
        var parsed = JObject.Parse(text);
        return (text, parsed, JsonConvert.SerializeObject(parsed["a"]));
    }
}
