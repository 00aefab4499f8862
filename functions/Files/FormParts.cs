using LLaDA.Batch.Functions.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace LLaDA.Batch.Functions.Files;

/// <summary>Reads the parts of a form as streams; faults of the form are 400, and a body above the limit is 413.</summary>
internal sealed class FormParts
{
    private readonly MultipartReader _reader;
    private readonly string _param;
    private readonly Func<ApiException> _tooLarge;

    /// <param name="param">The parameter that faults of the form name.</param>
    /// <param name="advice">What to send instead of another body.</param>
    /// <param name="tooLarge">The answer to a body above the limit: a declared size is refused before any byte is read.</param>
    /// <exception cref="ApiException">400: the body is no form.</exception>
    public FormParts(HttpRequest request, string param, string advice, Func<ApiException> tooLarge)
    {
        bool isForm = MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            && type.Boundary.Length > 0;
        if (!isForm || HeaderUtilities.RemoveQuotes(type!.Boundary) is not { Length: > 0 } boundary)
            throw ApiException.InvalidRequest(advice, param);
        (_reader, _param, _tooLarge) = (new MultipartReader(boundary.ToString(), request.Body), param, tooLarge);
    }

    /// <returns>Null behind the last part.</returns>
    public async Task<MultipartSection?> NextAsync(CancellationToken cancellation)
    {
        try
        {
            return await _reader.ReadNextSectionAsync(cancellation);
        }
        catch (BadHttpRequestException refused) when (refused.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw _tooLarge();
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException)
        {
            throw ApiException.InvalidRequest("The upload ended early or is not well-formed multipart/form-data", _param);
        }
    }

    /// <param name="body">Of a part.</param>
    public async Task<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancellation)
    {
        try
        {
            return await body.ReadAsync(buffer, cancellation);
        }
        catch (BadHttpRequestException refused) when (refused.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw _tooLarge();
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException)
        {
            throw ApiException.InvalidRequest("The upload ended early or is not well-formed multipart/form-data", _param);
        }
    }
}
