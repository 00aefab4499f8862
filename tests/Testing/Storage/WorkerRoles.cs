using System.Text.Json.Nodes;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Testing;

/// <summary>Refuses calls to storage that the roles of the workers do not allow, as names.json and access.bicep give them.</summary>
/// <param name="connectionString">Of the emulator, whose paths begin with the account.</param>
public sealed class WorkerRoles(string connectionString) : HttpPipelinePolicy
{
    private static readonly JsonNode s_names =
        JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Root, "infra", "names.json")))!["workers"]!;

    private static readonly string[] s_profileQueues = [.. StorageNames.QueuesOf("")];

    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) =>
        throw new NotSupportedException("All calls are asynchronous");

    public override ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        var (method, uri) = (message.Request.Method, message.Request.Uri.ToUri());
        return Allows(method, uri)
            ? ProcessNextAsync(message, pipeline)
            : throw new InvalidOperationException($"The roles of the workers do not allow {method} {uri.AbsolutePath}");
    }

    /// <summary>Whether the roles allow a call.</summary>
    public bool Allows(RequestMethod method, Uri uri)
    {
        string[] path = uri.AbsolutePath.Split('/', StringSplitOptions.RemoveEmptyEntries);
        string name = path.ElementAtOrDefault(1)?.Split('(')[0] ?? "";
        bool isMessage = path.ElementAtOrDefault(2) == "messages";
        return Service(uri) switch
        {
            "Queue" => s_profileQueues.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal))
                || (method == RequestMethod.Post && isMessage && Names("sendsTo").Contains(name)),
            "Table" => Names("tables").Contains(name),
            _ => Names("containers").Contains(name),
        };
    }

    private static IEnumerable<string> Names(string use) => s_names[use]!.AsArray().Select(name => (string)name!);

    private string Service(Uri uri) => new[] { "Blob", "Queue", "Table" }
        .Single(service => connectionString.Contains($"{service}Endpoint={uri.Scheme}://{uri.Authority}/", StringComparison.Ordinal));
}
