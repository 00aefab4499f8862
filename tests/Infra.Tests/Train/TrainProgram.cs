using LLaDA.Batch.Train;

namespace LLaDA.Batch.Infra.Tests.Train;

/// <summary>Runs commands of <c>llada-train</c> in this process.</summary>
internal static class TrainProgram
{
    public static async Task<(int Code, string Output, string Error)> RunAsync(params string[] args)
    {
        using StringWriter output = new(), error = new();
        return (await CommandLine.RunAsync(args, output, error), output.ToString(), error.ToString());
    }
}
