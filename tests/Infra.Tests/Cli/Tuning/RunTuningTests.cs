using LLaDA.Batch.Cli;

namespace LLaDA.Batch.Infra.Tests.Cli.Tuning;

public sealed class RunTuningTests
{
    [Theory]
    [InlineData("--method", "reinforcement")]
    [InlineData("--grader", "grader.json")]
    [InlineData("--method", "dpo", "--grader", "grader.json")]
    public async Task A_grader_goes_with_reinforcement_alone(params string[] options)
    {
        using StringWriter output = new(), error = new();

        int code = await CommandLine.RunAsync(["tune", "run", "data.jsonl", "--model", "m", .. options], output, error);

        Assert.NotEqual(0, code);
        Assert.Contains("--method reinforcement and --grader go together", error.ToString(), StringComparison.Ordinal);
    }
}
