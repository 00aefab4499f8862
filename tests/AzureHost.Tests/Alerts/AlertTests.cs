namespace LLaDA.Batch.AzureHost.Tests.Alerts;

/// <summary>The alert rules over lines in the words of the host, the functions and the workers.</summary>
public sealed class AlertTests
{
    /// <summary>An idle host asks every queue for messages, so its own storage requests name the poison queues.</summary>
    [Fact]
    public void An_idle_host_is_not_poison() => Assert.All(Lines("idle"), line => Assert.False(Alert.Poison.MatchesTrace(line)));

    [Fact]
    public void A_message_that_was_given_up_is_poison() =>
        Assert.All(Lines("poison"), line => Assert.True(Alert.Poison.MatchesTrace(line)));

    [Fact]
    public void A_worker_that_retries_is_not_poison() =>
        Assert.All(Lines("worker-idle"), line => Assert.False(Alert.Poison.MatchesConsole(line)));

    [Fact]
    public void A_message_that_a_worker_gave_up_is_poison() =>
        Assert.All(Lines("worker-poison"), line => Assert.True(Alert.Poison.MatchesConsole(line)));

    /// <summary>Each line has the type, the innermost type and the innermost message of an exception.</summary>
    [Fact]
    public void Interrupted_uploads_and_stops_are_no_failures() =>
        Assert.All(Lines("cancelled-exceptions"), line => Assert.False(Alert.Failures.MatchesException(line)));

    [Fact]
    public void Other_exceptions_are_failures() =>
        Assert.All(Lines("failures"), line => Assert.True(Alert.Failures.MatchesException(line)));

    private static string[] Lines(string file)
    {
        string[] lines = File.ReadAllLines(Repository.PathOf("tests", "AzureHost.Tests", "Alerts", $"{file}.txt"));
        Assert.NotEmpty(lines);
        return lines;
    }
}
