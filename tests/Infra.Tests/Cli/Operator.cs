using LLaDA.Batch.Cli;

namespace LLaDA.Batch.Infra.Tests.Cli;

/// <summary>Types commands.</summary>
internal static class Operator
{
    public static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        using StringWriter output = new(), error = new();
        return (await CommandLine.RunAsync(["admin", .. args], output, error), output.ToString(), error.ToString());
    }

    /// <returns>What the command says.</returns>
    public static async Task<string> DoneAsync(string connection, params string[] args)
    {
        var (code, output, error) = await RunAsync([.. args, "--connection-string", connection]);
        Assert.Equal((0, ""), (code, error));
        return output;
    }

    /// <returns>The one sentence that says why it cannot be done.</returns>
    public static async Task<string> RefusedAsync(string connection, params string[] args)
    {
        var (code, output, error) = await RunAsync([.. args, "--connection-string", connection]);
        Assert.Equal((1, ""), (code, output));
        return Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
