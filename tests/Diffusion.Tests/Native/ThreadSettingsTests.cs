using System.Diagnostics;

namespace LLaDA.Diffusion.Tests.Native;

/// <summary>
/// What OpenMP says of itself in a process that has loaded libtorch: this test program, which loads it first of all and then prints its
/// own help.
/// </summary>
public sealed class ThreadSettingsTests
{
    [Fact]
    public void Waiting_threads_sleep_unless_the_environment_says_otherwise()
    {
        Assert.Contains("GOMP_SPINCOUNT = '0'", Settings(), StringComparison.Ordinal);
        Assert.Contains("OMP_WAIT_POLICY = 'ACTIVE'", Settings(("OMP_WAIT_POLICY", "ACTIVE")), StringComparison.Ordinal);
        Assert.Contains("GOMP_SPINCOUNT = '77'", Settings(("GOMP_SPINCOUNT", "77")), StringComparison.Ordinal);
    }

    /// <summary>The runtime knows how many processors a container may use, and this variable stands for it.</summary>
    [Fact]
    public void There_are_no_more_threads_than_processors_of_the_process_unless_the_environment_says_otherwise()
    {
        Assert.Contains("OMP_NUM_THREADS = '1'", Settings(("DOTNET_PROCESSOR_COUNT", "1")), StringComparison.Ordinal);
        Assert.Contains(
            "OMP_NUM_THREADS = '3'", Settings(("DOTNET_PROCESSOR_COUNT", "1"), ("OMP_NUM_THREADS", "3")), StringComparison.Ordinal);
    }

    private static string Settings(params (string Name, string Value)[] environment)
    {
        string[] arguments = ["exec", typeof(ThreadSettingsTests).Assembly.Location, "-?"];
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string name in new[] { "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS" })
            start.Environment.Remove(name);
        start.Environment["OMP_DISPLAY_ENV"] = "VERBOSE";
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        string settings = process.StandardError.ReadToEnd();
        output.Wait();
        process.WaitForExit();
        return settings;
    }
}
