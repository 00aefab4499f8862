using System.Text.Json.Nodes;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>What a parameter set deploys: the resources of its snapshot, which <see cref="LintTests"/> holds to the Bicep files.</summary>
internal sealed class Deployment
{
    private readonly List<JsonNode> _resources;

    private Deployment(JsonNode snapshot) => _resources = [.. snapshot["predictedResources"]!.AsArray().Select(resource => resource!)];

    /// <param name="name">Of the parameter set: main or production.</param>
    public static Deployment Of(string name) => new(JsonNode.Parse(File.ReadAllText(Path.Combine(Bicep.Folder, $"{name}.snapshot.json")))!);

    public IReadOnlyList<JsonNode> OfType(string type) => [.. _resources.Where(resource => Text(resource, "type") == type)];

    public JsonNode Only(string type) => Assert.Single(OfType(type));

    public static string Text(JsonNode node, params string[] path) => At(node, path)!.GetValue<string>();

    public static JsonNode? At(JsonNode node, params string[] path) => path.Aggregate((JsonNode?)node, (current, step) => current?[step]);
}
