using System.Globalization;
using System.Net;
using System.Text;
using System.Web;

namespace LLaDA.Batch.Benchmarks.Pipeline;

/// <summary>
/// A container of small documents, with a gap each, that no storage holds: what is asked of them is answered in the process. Azurite goes
/// through all blobs to find one, so with it the time of many documents would be the square of its own.
/// </summary>
/// <param name="count">Documents of the folder <see cref="Input"/>.</param>
internal sealed class MadeUpDocuments(int count) : DelegatingHandler(new SocketsHttpHandler())
{
    public const string Container = "documents", Input = "in/", Output = "out/";

    private const string Extension = ".txt";
    private const int NumCharacters = 1_000, PageSize = 5_000;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var url = request.RequestUri!;
        bool isDocument = url.AbsolutePath.EndsWith(Extension, StringComparison.Ordinal), isRead = request.Method == HttpMethod.Get;
        if (isDocument && isRead)
            return Response(
                HttpStatusCode.OK, Text(int.Parse(Path.GetFileNameWithoutExtension(url.AbsolutePath), CultureInfo.InvariantCulture)));
        if (isDocument)
        {
            await request.Content!.CopyToAsync(Stream.Null, cancellationToken);
            return Response(HttpStatusCode.Created, "");
        }
        return isRead && url.AbsolutePath.EndsWith('/' + Container, StringComparison.Ordinal)
            ? Response(HttpStatusCode.OK, Page(HttpUtility.ParseQueryString(url.Query)["marker"]))
            : await base.SendAsync(request, cancellationToken);
    }

    private static string Text(int number) =>
        $"And God said to the {number}. of them, {StagesBenchmark.Gap}.\n".PadRight(NumCharacters, 'x');

    /// <param name="marker">Where the page begins; null for the first one.</param>
    private string Page(string? marker)
    {
        int first = string.IsNullOrEmpty(marker) ? 1 : int.Parse(marker, CultureInfo.InvariantCulture), next = first + PageSize;
        var page = new StringBuilder("""<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>""");
        for (int number = first; number < next && number <= count; number++)
        {
            page.Append(
                CultureInfo.InvariantCulture,
                $"<Blob><Name>{Input}{number:D6}{Extension}</Name><Properties><Content-Length>{NumCharacters}</Content-Length>");
            page.Append(
                "<Etag>0x1</Etag><Last-Modified>Thu, 01 Jan 2026 00:00:00 "
                + "GMT</Last-Modified><BlobType>BlockBlob</BlobType></Properties></Blob>");
        }
        return page.Append(
            CultureInfo.InvariantCulture, $"</Blobs><NextMarker>{(next <= count ? next : null)}</NextMarker></EnumerationResults>")
            .ToString();
    }

    private static HttpResponseMessage Response(HttpStatusCode status, string content)
    {
        var response = new HttpResponseMessage(status) { Content = new StringContent(content) };
        response.Headers.TryAddWithoutValidation("ETag", "\"0x1\"");
        response.Headers.TryAddWithoutValidation("x-ms-blob-type", "BlockBlob");
        response.Content.Headers.LastModified = DateTimeOffset.UnixEpoch;
        return response;
    }
}
