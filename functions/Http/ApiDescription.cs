namespace LLaDA.Batch.Functions.Http;

/// <summary><c>/openapi/v1.json</c>: the REST API as OpenAPI 3.1. Tests hold it to the routes and to the names on the wire.</summary>
internal static class ApiDescription
{
    public const string Path = "/openapi/v1.json";

    private static readonly byte[] s_json = Read();

    public static void Map(IEndpointRouteBuilder endpoints) => endpoints.MapGet(Path, () => Results.Bytes(s_json, "application/json"));

    private static byte[] Read()
    {
        using var resource = typeof(ApiDescription).Assembly.GetManifestResourceStream("openapi.json")!;
        byte[] json = new byte[resource.Length];
        resource.ReadExactly(json);
        return json;
    }
}
