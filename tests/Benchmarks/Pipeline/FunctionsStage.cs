using System.Diagnostics;
using System.Globalization;
using Azure.Core.Pipeline;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Local;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace LLaDA.Batch.Benchmarks.Pipeline;

/// <summary>Plans or finishes one batch in a process of its own, so that its peak of memory is its own.</summary>
internal static class FunctionsStage
{
    /// <summary>
    /// The first argument of such a process; stage, batch and lines follow, and the connection string is in its environment.
    /// </summary>
    public const string Command = "functions-stage";

    private const string Connection = "Storage__ConnectionString";

    /// <returns>Seconds that the stage took, without the start of the process, seconds of processor time with it, and the peak of its
    /// working set in bytes.</returns>
    public static async Task<(double Seconds, double ProcessorSeconds, long PeakBytes)> StartAsync(
        string stage, string connection, string batch, int lines, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath!) == "dotnet")
            start.ArgumentList.Add(typeof(FunctionsStage).Assembly.Location);
        foreach (string argument in new[] { Command, stage, batch, lines.ToString(CultureInfo.InvariantCulture) })
            start.ArgumentList.Add(argument);
        start.Environment[Connection] = connection;
        using var process = Process.Start(start)!;
        string[] said = (await process.StandardOutput.ReadToEndAsync(cancellation)).Split(' ', StringSplitOptions.TrimEntries);
        await process.WaitForExitAsync(cancellation);
        if (process.ExitCode != 0 || said.Length != 3)
            throw new StackException($"The process that was to {stage} {lines} lines ended with {process.ExitCode}");
        return (double.Parse(said[0], CultureInfo.InvariantCulture), double.Parse(said[1], CultureInfo.InvariantCulture),
            long.Parse(said[2], CultureInfo.InvariantCulture));
    }

    public static async Task<int> RunAsync(string[] arguments)
    {
        string connection = Environment.GetEnvironmentVariable(Connection)!;
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Storage:ConnectionString", connection), new("Limits:MaxLines", arguments[3])]).Build();
        using var client = new HttpClient(new MadeUpDocuments(int.Parse(arguments[3], CultureInfo.InvariantCulture)));
        var storage = new StorageAccount(
            new StorageOptions { ConnectionString = connection }, options => options.Transport = new HttpClientTransport(client));
        await using var services = new ServiceCollection().AddLogging()
            .AddFunctions(configuration).AddSingleton(storage).BuildServiceProvider();
        long started = Stopwatch.GetTimestamp();
        await (arguments[1] == "plan"
            ? services.GetRequiredService<PlanBatchHandler>()
                .RunAsync(new PlanMessage(StagesBenchmark.Tenant, arguments[2]), CancellationToken.None)
            : services.GetRequiredService<FinishBatchHandler>()
                .RunAsync(new FinishMessage(StagesBenchmark.Tenant, arguments[2]), CancellationToken.None));
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        using var process = Process.GetCurrentProcess();
        Console.Write(
            string.Create(CultureInfo.InvariantCulture, $"{seconds} {process.TotalProcessorTime.TotalSeconds} {process.PeakWorkingSet64}"));
        return 0;
    }
}
