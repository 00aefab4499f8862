using LLaDA.Tests;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests;

public sealed class LogTests(StorageFixture fixture)
{
    private const string Secret = "nobody may read this";

    [Fact]
    public async Task Nothing_that_a_line_says_and_no_key_is_logged()
    {
        var log = new RecordingLog();
        await using var plane = await StartAsync(fixture, services => services.AddLogging(logging => logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Trace)), ("Logging:LogLevel:Default", "Trace"));
        var batch = await plane.PlannedAsync(Lines(2, Secret + " [MASK:1]"));
        await plane.AnswerAsync(batch, 0);
        await plane.FinishAsync(batch);
        await plane.PlannedAsync($"{Secret}\n{Line(Secret, Secret, Secret, Secret)}\n");
        _ = await plane.Client.GetAsync("/v1/batches?after=nothing");

        Assert.Contains(log.Entries, entry => entry.Contains("is planned", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Entries, entry => entry.Contains(Secret, StringComparison.Ordinal));
        Assert.DoesNotContain(log.Entries, entry => entry.Contains(plane.Client.DefaultRequestHeaders.Authorization!.Parameter!, StringComparison.Ordinal));
    }
}
