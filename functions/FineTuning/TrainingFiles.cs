using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>A file of examples that was read.</summary>
internal sealed record CheckedFile(int NumExamples, long NumBytes, TrainingFileErrors Errors);

/// <summary>Reads every line of a file of examples.</summary>
internal sealed class TrainingFileCheck(FileStore files, ServiceLimits limits)
{
    /// <param name="param">The parameter of the request that names the file.</param>
    public async Task<CheckedFile> RunAsync(FineTuningJobRecord job, string fileId, string param, CancellationToken cancellation)
    {
        var errors = new TrainingFileErrors(param);
        if (await files.FindAsync(job.Tenant, fileId, cancellation) is not { } file)
        {
            errors.Add("file_not_found", "The file was deleted before it was read");
            return new CheckedFile(0, 0, errors);
        }
        if (!await files.HasBytesAsync(file, cancellation))
        {
            errors.Add("file_not_found", "The bytes of the file are lost; upload it again");
            return new CheckedFile(0, 0, errors);
        }
        var grader = job.Reinforcement is { } settings ? ReinforcementSettings.Parse(settings).ReadGrader() : null;
        int count = 0;
        await using var content = await files.OpenReadAsync(file, cancellation);
        await foreach (var line in JsonLines.ReadAsync(content, limits.MaxLineBytes, cancellation))
        {
            count++;
            if (TrainingLine.Fault(line, job.Method, grader) is { } error)
                errors.Add($"line {line.Number}: {error}");
        }
        if (count == 0)
            errors.Add("empty_file", "The file has no examples");
        return new CheckedFile(count, file.Bytes, errors);
    }
}
