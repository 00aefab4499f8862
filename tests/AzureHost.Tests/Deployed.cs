using System.Globalization;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.AzureHost.Tests;

/// <summary>The functions of a deployment, as its snapshot has them.</summary>
internal sealed class Deployed
{
    private readonly JsonNode _snapshot;

    private Deployed(string set) => _snapshot = JsonNode.Parse(File.ReadAllText(Repository.PathOf("infra", $"{set}.snapshot.json")))!;

    /// <summary>The smallest instance that the template allows.</summary>
    public static Deployed Main { get; } = new("main");

    public static Deployed Production { get; } = new("production");

    /// <summary>Memory of an instance in bytes.</summary>
    public long InstanceBytes => (long)Scale["instanceMemoryMB"]! << 20;

    public int RequestsPerInstance => (int)Scale["triggers"]!["http"]!["perInstanceConcurrency"]!;

    /// <summary>Bytes of a body that the host lets through.</summary>
    public long HostRequestBytes => Number("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT");

    /// <summary>Bytes of a body that the API takes.</summary>
    public long RequestBytes => Number("Limits__MaxRequestBytes");

    /// <summary>Everything that is deployed.</summary>
    public IEnumerable<JsonNode> Resources => _snapshot["predictedResources"]!.AsArray().Select(resource => resource!);

    private JsonNode Scale => Of("Microsoft.Web/sites")["functionAppConfig"]!["scaleAndConcurrency"]!;

    private long Number(string setting) =>
        long.Parse(Of("Microsoft.Web/sites/config")[setting]!.GetValue<string>(), CultureInfo.InvariantCulture);

    private JsonNode Of(string type) =>
        Resources.Single(resource => resource["type"]!.GetValue<string>() == type)["properties"]!;
}
