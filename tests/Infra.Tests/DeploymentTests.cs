using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>What must hold of everything that is deployed, whatever its size.</summary>
public sealed class DeploymentTests
{
    private const string StorageType = "Microsoft.Storage/storageAccounts", RoleType = "Microsoft.Authorization/roleAssignments", WorkerType = "Microsoft.App/containerApps";

    public static TheoryData<string> Sets => ["main", "production"];

    [Theory]
    [MemberData(nameof(Sets))]
    public void Storage_has_no_keys_no_public_blobs_and_modern_encryption(string set)
    {
        var account = Deployment.Of(set).Only(StorageType)["properties"]!;

        Assert.False(account["allowSharedKeyAccess"]!.GetValue<bool>());
        Assert.False(account["allowBlobPublicAccess"]!.GetValue<bool>());
        Assert.True(account["supportsHttpsTrafficOnly"]!.GetValue<bool>());
        Assert.Equal("TLS1_2", Deployment.Text(account, "minimumTlsVersion"));
        Assert.All(Deployment.Of(set).OfType($"{StorageType}/blobServices/containers"), container => Assert.Equal("None", Deployment.Text(container, "properties", "publicAccess")));
    }

    [Fact]
    public void No_file_asks_for_a_key_or_takes_a_connection_string_with_one() =>
        Assert.All(Directory.GetFiles(Bicep.Folder, "*.bicep", SearchOption.AllDirectories).Select(File.ReadAllText), text =>
        {
            Assert.DoesNotContain("listKeys", text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("AccountKey", text, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("SharedAccessSignature", text, StringComparison.OrdinalIgnoreCase);
        });

    [Theory]
    [MemberData(nameof(Sets))]
    public void Every_name_of_the_code_exists_in_storage_and_no_other(string set)
    {
        var deployment = Deployment.Of(set);
        string[] profiles = [.. deployment.OfType(WorkerType).Select(Profile)];
        string[] work = [StorageNames.PlanQueue, StorageNames.FinishQueue, StorageNames.WebhookQueue, .. profiles.Select(StorageNames.GenerateQueue)];

        Assert.Equal([.. StorageNames.Containers.Append("app-package").Order(StringComparer.Ordinal)], Names(deployment, $"{StorageType}/blobServices/containers"));
        Assert.Equal([.. StorageNames.Tables.Order(StringComparer.Ordinal)], Names(deployment, $"{StorageType}/tableServices/tables"));
        Assert.Equal([.. work.Concat(work.Select(StorageNames.PoisonQueue)).Order(StringComparer.Ordinal)], Names(deployment, $"{StorageType}/queueServices/queues"));
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void A_worker_scales_with_the_queue_that_it_reads_by_its_identity_and_counts_messages_in_work(string set) =>
        Assert.All(Deployment.Of(set).OfType(WorkerType), worker =>
        {
            var rule = Deployment.At(worker, "properties", "template", "scale", "rules")![0]!["custom"]!;

            Assert.Equal(StorageNames.GenerateQueue(Profile(worker)), Deployment.Text(rule, "metadata", "queueName"));
            Assert.Equal("all", Deployment.Text(rule, "metadata", "queueLengthStrategy"));
            Assert.Contains("outputs.workers.value.id", Deployment.Text(rule, "identity"), StringComparison.Ordinal);
            Assert.Null(rule["auth"]);
            Assert.Equal(0, Deployment.At(worker, "properties", "template", "scale", "minReplicas")!.GetValue<int>());
        });

    [Theory]
    [MemberData(nameof(Sets))]
    public void A_worker_is_probed_where_it_answers_and_has_time_to_hand_back_its_work(string set) =>
        Assert.All(Deployment.Of(set).OfType(WorkerType), worker =>
        {
            var container = Container(worker);
            string port = container["env"]!.AsArray().Single(entry => Deployment.Text(entry!, "name") == "Worker__HealthPort")!["value"]!.GetValue<string>();

            Assert.All(container["probes"]!.AsArray(), probe => Assert.Equal(port, $"{Deployment.At(probe!, "httpGet", "port")}"));
            Assert.True(Deployment.At(worker, "properties", "template", "terminationGracePeriodSeconds")!.GetValue<int>() >= 30);
        });

    [Theory]
    [MemberData(nameof(Sets))]
    public void Roles_are_given_on_single_resources_to_identities_that_exist(string set)
    {
        string[] forbidden = ["8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "b24988ac-6180-42a0-ab88-20f7382dd24c", "17d1049b-9a84-46fb-8f53-869881c3d3ab"];    // Owner, Contributor, Storage Account Contributor
        Assert.All(Deployment.Of(set).OfType(RoleType), role =>
        {
            string id = Deployment.Text(role, "id");

            Assert.Matches("/providers/Microsoft\\.(Storage/storageAccounts|ContainerRegistry/registries|KeyVault/vaults|Insights/components)/[^/]+/providers/Microsoft\\.Authorization/", id);
            Assert.DoesNotContain(forbidden, name => Deployment.Text(role, "properties", "roleDefinitionId").EndsWith(name, StringComparison.Ordinal));
        });
    }

    [Fact]
    public void A_private_service_has_no_public_endpoints()
    {
        var deployment = Deployment.Of("production");

        Assert.Equal("Disabled", Deployment.Text(deployment.Only(StorageType), "properties", "publicNetworkAccess"));
        Assert.Equal("Disabled", Deployment.Text(deployment.Only("Microsoft.KeyVault/vaults"), "properties", "publicNetworkAccess"));
        Assert.Equal(["blob", "queue", "table", "vault"], deployment.OfType("Microsoft.Network/privateEndpoints").Select(endpoint => Deployment.Text(Deployment.At(endpoint, "properties", "privateLinkServiceConnections")![0]!, "name")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Alerts_look_for_what_the_code_says()
    {
        string alerts = File.ReadAllText(Path.Combine(Bicep.Folder, "modules", "alerts.bicep"));
        string[] sources = [.. new[] { "functions", "shared" }.SelectMany(room => Directory.GetFiles(Path.Combine(Bicep.Folder, "..", room), "*.cs", SearchOption.AllDirectories)).Select(File.ReadAllText)];

        Assert.All(["has not moved for a while", "poison"], text =>
        {
            Assert.Contains($"has \"{text}\"", alerts, StringComparison.Ordinal);
            Assert.Contains(sources, source => source.Contains($"{text}", StringComparison.Ordinal) && source.Contains("[LoggerMessage", StringComparison.Ordinal));
        });
    }

    private static JsonNode Container(JsonNode worker) => Deployment.At(worker, "properties", "template", "containers")![0]!;

    private static string Profile(JsonNode worker) =>
        Container(worker)["env"]!.AsArray().Single(entry => Deployment.Text(entry!, "name") == "Worker__Profile")!["value"]!.GetValue<string>();

    private static string[] Names(Deployment deployment, string type) => [.. deployment.OfType(type).Select(resource => Deployment.Text(resource, "name").Split('/')[^1]).Order(StringComparer.Ordinal)];
}
