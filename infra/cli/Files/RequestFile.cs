using System.Text.Json;
using LLaDA.Batch.Cli.Terminal;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Cli.Files;

/// <summary>What a file of requests holds, by the planner's own check. Models are known to the service alone and count as given.</summary>
/// <param name="Endpoint">Of the first line; null without one.</param>
/// <param name="Model">That all lines name; null without one.</param>
/// <param name="Faults">The first hundred.</param>
internal sealed record RequestFileCheck(int Lines, string? Endpoint, string? Model, long Bytes, IReadOnlyList<RequestFault> Faults);

/// <param name="Line">From 1; null for the whole file.</param>
internal sealed record RequestFault(string Code, string Message, int? Line)
{
    public override string ToString() => Line is { } line ? $"Line {line}: {Message} ({Code})" : $"{Message} ({Code})";
}

/// <summary>Reads files of requests on this machine.</summary>
internal static class RequestFile
{
    private const int MaxLineBytes = 10 << 20;

    /// <exception cref="OperatorException">There is no such file.</exception>
    public static async Task<RequestFileCheck> CheckAsync(FileInfo file, CancellationToken cancellation)
    {
        var errors = new BatchValidationErrors();
        InputValidator? validator = null;
        string? endpoint = null;
        int lines = 0;
        await foreach (var line in LinesAsync(file, cancellation))
        {
            lines++;
            endpoint ??= EndpointOf(line);
            validator ??= new InputValidator(endpoint ?? "", name => Task.FromResult<ModelRecord?>(new ModelRecord { Id = name }), errors);
            await validator.CheckAsync(line);
        }
        if (lines == 0)
            errors.Add("empty_file", "The file has no lines");
        else if (endpoint is not null && !BatchEndpoint.All.Contains(endpoint))
            errors.Add("invalid_endpoint", $"'{Excerpt.Of(endpoint)}' is no endpoint of batches: {string.Join(", ", BatchEndpoint.All)}");
        return new RequestFileCheck(lines, endpoint, validator?.Model?.Id, file.Length, Faults(errors));
    }

    /// <exception cref="OperatorException">There is no such file.</exception>
    public static IAsyncEnumerable<TextLine> LinesAsync(FileInfo file, CancellationToken cancellation) => file.Exists
        ? JsonLines.ReadAsync(file.OpenRead(), MaxLineBytes, cancellation)
        : throw new OperatorException($"There is no file {file}", ExitCodes.NotFound);

    private static RequestFault[] Faults(BatchValidationErrors errors) =>
        errors.Any ? JsonSerializer.Deserialize<RequestFault[]>(errors.ToJson(), WireJson.Options)! : [];

    private static string? EndpointOf(TextLine line)
    {
        try
        {
            return line.Bytes is null ? null : StrictJson.Parse(line.Bytes).FindText("url");
        }
        catch (InvalidJsonException)
        {
            return null;
        }
    }
}
