using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>Checks that there is what a new fine-tuning job names: its model and its files.</summary>
internal sealed class JobReferences(ModelCatalog models, FileStore files)
{
    /// <param name="path">Where the job stands in the request, such as <c>job.</c>, in the names of its parameters.</param>
    /// <exception cref="ApiException">400: the tenant has no such model or file, or the file has another purpose.</exception>
    public async Task RequireAsync(string tenant, NewFineTuningJob job, string path, CancellationToken cancellation)
    {
        if (await models.FindAsync(tenant, job.Model, cancellation) is null)
            throw ApiException.InvalidRequest($"There is no model '{Excerpt.Of(job.Model)}'", $"{path}model", "model_not_found");
        await RequireFileAsync(tenant, job.TrainingFile, $"{path}training_file", cancellation);
        await RequireFileAsync(tenant, job.ValidationFile, $"{path}validation_file", cancellation);
    }

    private async Task RequireFileAsync(string tenant, string? id, string param, CancellationToken cancellation)
    {
        if (id is null)
            return;
        var file = await files.FindAsync(tenant, id, cancellation)
            ?? throw ApiException.InvalidRequest($"No such file: {Excerpt.Of(id)}", param, "file_not_found");
        if (file.Purpose == FilePurpose.FineTune)
            return;
        throw ApiException.InvalidRequest(
            $"The file has the purpose '{file.Purpose}'; a fine-tuning job needs one with the purpose '{FilePurpose.FineTune}'",
            param,
            "invalid_purpose");
    }
}
