using System.IO.Compression;
using System.Security.Cryptography;
using LLaDA.Batch.Functions.Http;
using Microsoft.Net.Http.Headers;

namespace LLaDA.Batch.Functions.Page;

/// <summary>
/// The page under <c>/</c> and its files under <c>/assets/</c>, which are parts of this assembly. They need no key: the page asks for
/// the tenant's key and sends it with each call of the API.
/// </summary>
/// <remarks><c>functions/web</c> holds the sources, and <c>npm run build</c> there makes the files.</remarks>
internal static class PageFiles
{
    public const string Assets = "/assets";

    private const string ResourcePrefix = "page/", Index = "index.html", Gzip = "gzip";

    /// <summary>No script, style or call from anywhere else, and no frame around the page.</summary>
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly Dictionary<string, PageFile> s_files = Read();

    /// <summary>Whether a path belongs to the page and so needs no key.</summary>
    public static bool Owns(PathString path) => path == "/" || path.StartsWithSegments(Assets, StringComparison.Ordinal);

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/", (HttpContext context) => SendAsync(context, s_files[Index], "no-cache")).ExcludeFromDescription();
        endpoints.MapGet(Assets + "/{name}", (string name, HttpContext context) =>
            s_files.TryGetValue(name, out var file) && name != Index
                ? SendAsync(context, file, "public, max-age=31536000, immutable")     // the name changes with the content
                : throw ApiException.NotFound($"file of the page: {name}")).ExcludeFromDescription();
    }

    private static async Task SendAsync(HttpContext context, PageFile file, string caching)
    {
        var headers = context.Response.Headers;
        headers.CacheControl = caching;
        headers.ETag = file.Tag;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers["Referrer-Policy"] = "no-referrer";
        if (context.Request.Headers.IfNoneMatch.Contains(file.Tag))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        headers.Vary = HeaderNames.AcceptEncoding;
        byte[] content = file.Content;
        if (TakesGzip(context.Request))
        {
            headers.ContentEncoding = Gzip;
            content = file.Gzipped;
        }
        context.Response.ContentType = file.ContentType;
        context.Response.ContentLength = content.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(content, context.RequestAborted);
    }

    private static bool TakesGzip(HttpRequest request) =>
        request.GetTypedHeaders().AcceptEncoding.Any(encoding => encoding.Value == Gzip && encoding.Quality is not 0);

    private static Dictionary<string, PageFile> Read()
    {
        var assembly = typeof(PageFiles).Assembly;
        var names = assembly.GetManifestResourceNames().Where(name => name.StartsWith(ResourcePrefix, StringComparison.Ordinal));
        return names.ToDictionary(name => name[ResourcePrefix.Length..], name =>
        {
            using var resource = assembly.GetManifestResourceStream(name)!;
            byte[] content = new byte[resource.Length];
            resource.ReadExactly(content);
            return new PageFile(content, Compress(content), ContentTypeOf(name),
                $"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..16]}\"");
        });
    }

    private static byte[] Compress(byte[] content)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Optimal))
            gzip.Write(content);
        return compressed.ToArray();
    }

    private static string ContentTypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        _ => "text/javascript; charset=utf-8",
    };

    private sealed record PageFile(byte[] Content, byte[] Gzipped, string ContentType, string Tag);
}
