using Scalar.AspNetCore;

namespace LLaDA.Batch.Functions.Page;

/// <summary>
/// <c>/docs</c>: the REST API as a page, made of <c>/openapi/v1.json</c> by Scalar, whose script is a part of its package.
/// </summary>
internal static class ApiReference
{
    public const string Path = "/docs";

    private const string Scripts = Path + "/scalar";

    /// <summary>Scalar writes style sheets into the page. Its script, its calls and its images are this server's own.</summary>
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>Nothing that needs or names another host.</summary>
    private const string Configuration = """
        {"withDefaultFonts": false, "telemetry": false, "agent": {"disabled": true}, "mcp": {"disabled": true},
         "hideClientButton": true, "showDeveloperTools": "never"}
        """;

    private const string Html = $$"""
        <!doctype html>
        <html lang="en">
        <head>
          <meta charset="utf-8">
          <meta name="viewport" content="width=device-width, initial-scale=1">
          <title>LLaDA.Batch API</title>
          <link rel="icon" href="data:,">
        </head>
        <body>
          <script id="api-reference" type="application/json" data-url="{{Http.ApiDescription.Path}}"
            data-configuration='{{Configuration}}'></script>
          <script src="{{Scripts}}/scalar.js"></script>
        </body>
        </html>
        """;

    public static bool Owns(PathString path) => path.StartsWithSegments(Path, StringComparison.Ordinal);

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet(Path, (HttpContext context) =>
        {
            context.Response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
            context.Response.Headers.CacheControl = "no-cache";
            return Results.Content(Html, "text/html; charset=utf-8");
        }).ExcludeFromDescription();
        endpoints.MapScalarApiReference(Scripts);
    }
}
