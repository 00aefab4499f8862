using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>What was found in the files of a job.</summary>
/// <param name="NumExamples">Lines of the training file.</param>
/// <param name="NumBytes">Of the training file.</param>
/// <param name="Error">Why the job cannot be trained; null where every line is right.</param>
internal sealed record FoundTrainingFiles(int NumExamples, long NumBytes, FineTuningFailure? Error);

/// <summary>
/// The files of a job: the training file that it names, or the one that is joined of its schedule's data, and the validation file.
/// </summary>
internal sealed class TrainingFiles(FileStore files, ScheduledFileAssembly assembly, ServiceLimits limits)
{
    /// <summary>Reads every line. The validation file is read once the training file is right.</summary>
    /// <returns>Null when the job has left its first state meanwhile.</returns>
    public async Task<FoundTrainingFiles?> ReadAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        if (job.TrainingFileId is not { } id)
        {
            var errors = new TrainingFileErrors("training_data");
            string? joined = await assembly.RunAsync(job, errors, cancellation);
            if (errors.Any)
                return new FoundTrainingFiles(0, 0, errors.ToError());
            if (joined is null)
                return null;
            id = joined;
        }
        var training = await ReadAsync(job, id, "training_file", cancellation);
        if (training.Error is not null || job.ValidationFileId is null)
            return training;
        var validation = await ReadAsync(job, job.ValidationFileId, "validation_file", cancellation);
        return training with { Error = validation.Error };
    }

    /// <param name="param">The parameter of the request that names the file.</param>
    private async Task<FoundTrainingFiles> ReadAsync(FineTuningJobRecord job, string id, string param, CancellationToken cancellation)
    {
        var errors = new TrainingFileErrors(param);
        FoundTrainingFiles Missing(string message)
        {
            errors.Add("file_not_found", message);
            return new FoundTrainingFiles(0, 0, errors.ToError());
        }

        if (await files.FindAsync(job.Tenant, id, cancellation) is not { } file)
            return Missing("The file was deleted before it was read");
        if (!await files.HasBytesAsync(file, cancellation))
            return Missing("The bytes of the file are lost; upload it again");
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
        return new FoundTrainingFiles(count, file.Bytes, errors.Any ? errors.ToError() : null);
    }
}
