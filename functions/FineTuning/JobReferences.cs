using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>Checks the files that a fine-tuning job names.</summary>
internal static class JobFiles
{
    /// <param name="id">Null when the job names none.</param>
    /// <param name="param">The name of the parameter.</param>
    /// <exception cref="ApiException">400: the tenant has no such file, or it has another purpose.</exception>
    public static async Task RequireAsync(string? id, string param, string tenant, FileStore files, CancellationToken cancellation)
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
