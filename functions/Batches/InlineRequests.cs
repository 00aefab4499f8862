using System.Text.Json;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>The requests of a batch that come in its body instead of a file.</summary>
internal static class InlineRequests
{
    /// <summary>Bytes of a body with requests.</summary>
    public const int MaxRequestsBytes = 16 << 20;

    private const int MaxRequests = 1_000;

    /// <summary>Reads <c>requests</c>: lines of an input file, of which <c>method</c> and <c>url</c> may be left out.</summary>
    /// <returns>Lines of an input file, without line ends; null where there are none.</returns>
    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static IReadOnlyList<ReadOnlyMemory<byte>>? Read(JsonReader body, string endpoint)
    {
        if (body.Find("requests") is not { } requests)
            return null;
        if (requests.ValueKind != JsonValueKind.Array || requests.GetArrayLength() is < 1 or > MaxRequests)
            throw body.Invalid("requests", $"must be a list of 1 to {MaxRequests} requests");
        if (body.Find("input_file_id") is not null || body.Find("input_blobs") is not null)
            throw body.Invalid("requests", "cannot go together with input_file_id or input_blobs");
        return [.. requests.EnumerateArray().Select((request, index) => Line(request, $"{body.PathOf("requests")}[{index}]", endpoint))];
    }

    /// <summary>Of a fault in a line, the answer that names its place in the list.</summary>
    /// <param name="fault">Its line counts from 1 on.</param>
    public static ApiException Fault(BatchError fault)
    {
        string path = $"requests[{fault.Line - 1}]";
        return ApiException.InvalidRequest(
            $"{path}: {fault.Message}", fault.Param is null ? path : $"{path}.{fault.Param}", fault.Code);
    }

    private static ReadOnlyMemory<byte> Line(JsonElement json, string path, string endpoint)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw ApiException.InvalidRequest($"{path} must be an object", path);
        var request = JsonBody.Read(json, path);
        string customId = request.Text("custom_id");
        string method = request.OptionalText("method") ?? "POST", url = request.OptionalText("url") ?? endpoint;
        var body = request.Find("body");
        request.RequireNothingElse();
        return JsonSerializer.SerializeToUtf8Bytes(new BatchRequestLine(customId, method, url, body), WireJson.Options);
    }
}
