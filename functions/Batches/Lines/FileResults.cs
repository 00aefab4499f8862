using System.Runtime.CompilerServices;
using System.Text.Json;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Lines;

/// <summary>
/// Reads the lines of an ended batch from its files. Output and error file have the order of the input, so all are read as streams, side
/// by side.
/// </summary>
/// <param name="input">Null for a folder of documents.</param>
/// <param name="output">Null where it would be empty, likewise <paramref name="errors"/>.</param>
internal sealed class FileResults(FileStore files, ServiceLimits limits, FileRecord? input, FileRecord? output, FileRecord? errors)
{
    /// <param name="after">Lines with a higher number only.</param>
    /// <returns>In the order of the input.</returns>
    public async IAsyncEnumerable<LineResult> ReadAsync(int after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var completed = OutcomesAsync(output, isError: false, cancellation).GetAsyncEnumerator(cancellation);
        await using var failed = OutcomesAsync(errors, isError: true, cancellation).GetAsyncEnumerator(cancellation);
        bool hasCompleted = await completed.MoveNextAsync(), hasFailed = await failed.MoveNextAsync();
        await foreach (var (number, customId, body) in RequestsAsync(cancellation))
        {
            if (hasCompleted && IsOf(customId, completed.Current, hasFailed ? failed.Current : null))
            {
                if (number > after)
                    yield return Result(number, body, completed.Current);
                hasCompleted = await completed.MoveNextAsync();
            }
            else if (hasFailed)
            {
                if (number > after)
                    yield return Result(number, body, failed.Current);
                hasFailed = await failed.MoveNextAsync();
            }
        }

        async IAsyncEnumerable<(int Number, string? CustomId, JsonElement? Body)> RequestsAsync(
            [EnumeratorCancellation] CancellationToken stop)
        {
            if (input is null)
            {
                for (int number = 1; hasCompleted || hasFailed; number++)
                    yield return (number, null, null);
                yield break;
            }
            await using var content = await files.OpenReadAsync(input, stop);
            await foreach (var line in JsonLines.ReadAsync(content, limits.MaxLineBytes, stop))
            {
                var request = JsonElement.Parse(line.Bytes);
                yield return (line.Number, request.FindText("custom_id"), request.Find("body"));
            }
        }
    }

    /// <summary>
    /// Whether the next completed line comes before the next failed one. A folder has no list of its documents, which are in the order of
    /// their names.
    /// </summary>
    /// <param name="customId">Of the next line; null for a folder.</param>
    private static bool IsOf(string? customId, Outcome completed, Outcome? failed) =>
        customId is not null ? completed.CustomId == customId
        : failed is null || string.CompareOrdinal(completed.CustomId, failed.CustomId) < 0;

    private static LineResult Result(int number, JsonElement? body, Outcome outcome) => new(
        number, outcome.CustomId, body, outcome.IsError ? LineStatus.Failed : LineStatus.Completed, outcome.Json);

    private async IAsyncEnumerable<Outcome> OutcomesAsync(
        FileRecord? file, bool isError, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (file is null)
            yield break;
        await using var content = await files.OpenReadAsync(file, cancellation);
        await foreach (var line in JsonLines.ReadAsync(content, int.MaxValue, cancellation))
        {
            var json = JsonElement.Parse(line.Bytes);
            yield return new Outcome(json.FindText("custom_id")!, isError, json);
        }
    }

    private sealed record Outcome(string CustomId, bool IsError, JsonElement Json);
}
